"""A short `make chaos`: orders through a storm of faults, on the stack that the tests here share."""

from chaos.plan import SHORT, plan
from chaos.storm import storm

from sagactl.design import choreography
from sagactl.stack.deployed_stack import Stack

SEED = 1


def test_every_order_closes_and_the_books_balance_whatever_goes_wrong(stack: Stack) -> None:
    found = storm(stack, plan(SEED, SHORT))
    assert found.findings.problems == []
    assert found.findings.statuses.keys() <= set(choreography.closed())
    assert found.findings.statuses.total() == SHORT.orders
    # There was a storm, and orders came through it.
    assert found.injected.kills
    assert found.injected.freezes == SHORT.freezes
    assert found.bus.fates["twice"]
    assert found.bus.fates["swallowed"]
    assert found.findings.statuses["COMPLETED"]


def test_a_seed_plans_the_same_faults_each_time() -> None:
    first = plan(1, SHORT)
    again = plan(1, SHORT)
    other = plan(2, SHORT)
    assert (first.orders, first.kills, first.freezes) == (again.orders, again.kills, again.freezes)
    assert first.kills != other.kills
    fates = [[each.fate("an order", "PaymentOK", telling) for telling in range(99)] for each in (first, again, other)]
    assert fates[0] == fates[1] != fates[2]
