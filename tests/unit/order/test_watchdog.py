"""The watchdog finds every open order when its age comes to 1, 2, 4, ... deadlines."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from support.emulation import Aws
from support.given import AT, ORDER_ID

from contracts.events import OrderExpired
from order.triggers import expire
from saga.event import Metadata, Timestamp
from sagactl.local.functions import load

watchdog = load("order.watchdog")

OPENED = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # as they must be
DEADLINES = st.integers(1, 86_400).map(lambda seconds: timedelta(seconds=seconds))
DOUBLINGS = st.integers(0, 20)
MILLISECOND = timedelta(milliseconds=1)
PERIOD = timedelta(minutes=1)
LATE = timedelta(seconds=9)


def asked(opened_at: datetime, now: datetime, deadline: timedelta, doubling: int) -> bool:
    """Whether the run at this moment finds the order in its window for the age of deadline x 2^doubling."""
    windows = list(watchdog.windows(now, deadline))
    assume(doubling < len(windows))
    since, until = windows[doubling]
    return bool(since <= Timestamp.of(opened_at) <= until)


@settings(deadline=None)
@given(OPENED, DEADLINES, DOUBLINGS, st.floats(0, 1, exclude_max=True))
def test_each_of_two_runs_in_a_row_finds_an_order(
    opened_at: datetime, deadline: timedelta, doubling: int, phase: float
) -> None:
    """The first run after an order has reached an age may be missed: the next one finds it, even if that is late."""
    first = opened_at + deadline * 2**doubling + MILLISECOND + phase * (PERIOD - MILLISECOND)
    assert asked(opened_at, first, deadline, doubling)
    assert asked(opened_at, first + PERIOD + LATE, deadline, doubling)


@settings(deadline=None)
@given(OPENED, DEADLINES, DOUBLINGS)
def test_an_order_is_found_neither_early_nor_for_long(opened_at: datetime, deadline: timedelta, doubling: int) -> None:
    due = opened_at + deadline * 2**doubling
    assert not asked(opened_at, due - MILLISECOND, deadline, doubling)
    assert not asked(opened_at, due + 3 * PERIOD, deadline, doubling)


@pytest.mark.parametrize("seconds", [1, 300, 86_400, 14 * 86_400])
def test_ages_double_up_to_the_oldest(seconds: int) -> None:
    now = datetime(2026, 1, 31, tzinfo=UTC)
    deadline = timedelta(seconds=seconds)
    ages = [now - datetime.fromisoformat(until) for _, until in watchdog.windows(now, deadline)]
    assert ages == [deadline * 2**doubling for doubling in range(len(ages))]
    assert ages[-1] <= watchdog.OLDEST_ASKED < 2 * ages[-1]


def test_an_expiry_is_the_same_fact_no_matter_when_it_is_told() -> None:
    due = Timestamp.of(datetime.fromisoformat(AT) + watchdog.deadline)
    assert expire(ORDER_ID, watchdog.due(AT)) == OrderExpired(ORDER_ID, timestamp=due, metadata=Metadata())


# On AWS, emulated by moto


def opened(aws: Aws, ago: timedelta) -> None:
    """Writes an order that was opened this long ago."""
    opened_at = Timestamp.of(datetime.now(UTC) - ago)
    aws.put_item("OrderTable", orderId=str(ORDER_ID), openShard=0, openedAt=opened_at)


def test_an_order_past_its_deadline_expires(aws: Aws) -> None:
    opened(aws, watchdog.deadline + timedelta(seconds=1))

    aws.invoke("order.watchdog", {})

    [event] = aws.told()
    assert (event["source"], event["detail-type"]) == ("saga.order", "OrderExpired")
    assert event["detail"]["orderId"] == str(ORDER_ID)


def test_an_order_before_its_deadline_is_left_alone(aws: Aws) -> None:
    opened(aws, watchdog.deadline - timedelta(minutes=1))

    aws.invoke("order.watchdog", {})

    assert aws.told() == []
