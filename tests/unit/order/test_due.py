"""When an open order is due: at ages of 1, 2, 4, ... deadlines, whenever the watchdog looks."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from support.given import AT

from order.due import dated, next_due
from order.reactions import Order
from saga.event import Timestamp

DEADLINE = timedelta(minutes=5)
OPEN = Order(status="PENDING", open_shard=1)
TIMES = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # as they must be
DEADLINES = st.integers(1, 31_536_000).map(lambda seconds: timedelta(seconds=seconds))
AGES = st.integers(0, 10 * 31_536_000_000).map(lambda milliseconds: timedelta(milliseconds=milliseconds))


def after(age: timedelta) -> Timestamp:
    return Timestamp.of(datetime.fromisoformat(AT) + age)


@pytest.mark.parametrize("status", ["PENDING", "FAILING"])
def test_an_open_order_is_due_first_at_the_deadline(status: str) -> None:
    order = replace(OPEN, status=status)
    assert dated(order, AT, DEADLINE) == replace(order, due_at=Timestamp("2026-01-31T12:05:00.000Z"))


def test_a_time_that_was_moved_on_stays() -> None:
    order = replace(OPEN, due_at=after(DEADLINE * 4))
    assert dated(order, AT, DEADLINE) is order


def test_a_closed_order_is_never_due() -> None:
    order = Order(status="COMPLETED")
    assert dated(order, AT, DEADLINE) is order


# fmt: off
NEXT = [
    # age in deadlines   next due at
    (0,                  1),
    (0.99,               1),
    (1,                  2),
    (1.01,               2),
    (1.99,               2),
    (2,                  4),
    (3.5,                4),
    (4,                  8),
    (2304,               4096),  # eight days
]
# fmt: on


@pytest.mark.parametrize(("age", "due"), NEXT)
def test_it_is_due_next_at_1_2_4_deadlines(age: float, due: int) -> None:
    assert next_due(AT, after(DEADLINE * age), DEADLINE) == after(DEADLINE * due)


@given(TIMES, DEADLINES, AGES)
def test_it_is_due_in_the_future_and_before_its_age_has_doubled(
    opened: datetime, deadline: timedelta, age: timedelta
) -> None:
    """So an order that is never missed is asked about before long, and one that was missed for long waits no longer."""
    opened_at = Timestamp.of(opened)
    now = Timestamp.of(datetime.fromisoformat(opened_at) + age)
    due = datetime.fromisoformat(next_due(opened_at, now, deadline)) - datetime.fromisoformat(opened_at)
    assert age < due <= max(deadline, 2 * age)
    assert (due / deadline).is_integer()
    assert int(due / deadline).bit_count() == 1
