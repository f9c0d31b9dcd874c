"""`saga load`: many orders at a steady rate."""

from typing import Annotated

import typer

from sagactl.bench.load import run_load
from sagactl.commands.options import STACK_NAME, Aws, Json, Port, StackName
from sagactl.errors import SagaError
from sagactl.stack.deployed_stack import find
from sagactl.terminal import result

Orders = Annotated[int, typer.Option("--orders", min=1, max=100_000, help="How many orders.")]
Rate = Annotated[float, typer.Option("--rate", min=0.1, max=1000, help="Orders a second, at most.")]
Products = Annotated[
    int,
    typer.Option("--products", min=1, max=1000, help="How many products; with 1, all orders compete for its stock."),
]


def load(
    orders: Orders = 100,
    rate: Rate = 5,
    products: Products = 10,
    port: Port = None,
    aws: Aws = False,
    stack_name: StackName = STACK_NAME,
    as_json: Json = False,
) -> None:
    """Place many orders at a steady rate, and check them all.

    Each order is for one unit, and goes through the API. The products load-1,
    load-2, ... are stocked first. Exits with 1 if an order stays open or if money
    and stock don't balance.
    """
    stack = find(use_aws=aws, port=port, stack_name=stack_name)
    done, conflicts, problems = run_load(stack, orders, rate, products)
    p50 = done.percentile(50)
    p99 = done.percentile(99)
    outcomes = ", ".join(f"{count} {status}" for status, count in sorted(done.statuses.items()))
    balance = "Money and stock do not balance." if problems else "Money and stock balance."
    said = (
        f"{outcomes} in {done.seconds:.1f} s, {done.per_second:.1f} a second. Closed within {p50 * 1000:.0f} ms (p50), "
        f"{p99 * 1000:.0f} ms (p99). {conflicts} conflicts, each decided again. {balance}"
    )
    fields = {
        "outcomes": done.statuses,
        "seconds": done.seconds,
        "p50_seconds": p50,
        "p99_seconds": p99,
        "conflicts": conflicts,
        "problems": problems,
    }
    result(fields, said, as_json=as_json)
    if problems:
        raise SagaError("; ".join(problems[:5]), "Look at what happened: saga orders")
