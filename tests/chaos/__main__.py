"""`make chaos`: 200 orders through a storm of faults, on a LocalStack of their own.

`make chaos SEED=7` plans the same faults again.
"""

import argparse
import random
import sys

from chaos.checks import check_audit, check_journal
from chaos.plan import FULL, plan
from chaos.report import report
from chaos.storm import storm
from support.isolation import isolate
from support.ports import free_port

from sagactl.design.ways import PRODUCT, UNITS
from sagactl.local import localstack
from sagactl.signals import leave_blocks_first
from sagactl.stack import aws, shop
from sagactl.stack.deploy import deploy
from sagactl.stack.deployed_stack import Stack
from sagactl.terminal import step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    seed = parser.parse_args().seed
    print(f"Seed {seed}. The same faults again: make chaos SEED={seed}", flush=True)
    isolate()
    leave_blocks_first()  # so that no LocalStack is left
    port = free_port()
    with localstack.running(port):
        where = aws.target(port=port)
        stack = Stack(where, deploy(where, {}, step=step))
        shop.set_available(stack, PRODUCT, UNITS)
        with step(f"{FULL.orders} orders through the storm, and their repair"):
            found = storm(stack, plan(seed, FULL))
        with step("The journal catches up"):
            found.findings.problems.extend(check_journal(stack, found.bus))
        with step("saga audit"):
            found.findings.problems.extend(check_audit(stack))
    print(report(found))
    if found.findings.problems:
        sys.exit(1)


if __name__ == "__main__":
    main()
