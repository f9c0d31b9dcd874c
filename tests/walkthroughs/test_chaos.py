"""A short `make chaos`: orders through a storm of faults."""

from chaos.checks import await_journal, check_audit
from chaos.plan import CANCELLED, SHORT, plan
from chaos.storm import storm

from sagactl.design import choreography
from sagactl.stack.deployed_stack import Stack

SEED = 1


def test_every_order_closes_and_the_books_balance_whatever_goes_wrong(stack: Stack) -> None:
    found = storm(stack, plan(SEED, SHORT))
    assert found.findings.problems == []
    assert found.findings.statuses.keys() <= set(choreography.closed())
    assert found.findings.statuses.total() == SHORT.orders
    await_journal(stack)
    assert check_audit(stack) == []
    # There was a storm, and orders came through it.
    assert found.injected.kills
    assert found.injected.freezes == SHORT.freezes
    assert found.bus.fates["twice"]
    assert found.bus.fates["swallowed"]
    assert found.findings.statuses["COMPLETED"]
    assert found.findings.cancelled.total() == SHORT.orders * CANCELLED
