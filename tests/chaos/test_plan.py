"""The plan of a storm."""

from chaos.plan import CANCELLED, SHORT, plan


def test_a_seed_plans_the_same_faults_each_time() -> None:
    first = plan(1, SHORT)
    again = plan(1, SHORT)
    other = plan(2, SHORT)
    assert (first.orders, first.kills, first.freezes) == (again.orders, again.kills, again.freezes)
    assert first.kills != other.kills
    fates = [[each.fate("an order", "PaymentOK", telling) for telling in range(99)] for each in (first, again, other)]
    assert sum(order.cancelled_after_seconds is not None for order in first.orders) == SHORT.orders * CANCELLED
    assert fates[0] == fates[1] != fates[2]
