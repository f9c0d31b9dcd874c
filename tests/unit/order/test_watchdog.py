"""The watchdog asks about what is due, the oldest first, in time, and goes on where it stopped."""

import json
import logging
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock, call, patch
from uuid import UUID

import pytest
from aws_lambda_powertools.metrics import MetricUnit
from botocore.exceptions import ClientError
from support.emulation import Aws
from support.given import AT, ORDER_ID
from support.output import Counted, Logged

from contracts.events import OrderExpired
from order.due import DynamoOpenOrders, OpenOrder
from order.reactions import OPEN_SHARDS
from order.triggers import expire
from saga.bus import ENTRIES_MAX, EventBridgeBus
from saga.event import Metadata, Timestamp
from saga.sdk import ATTEMPTS, CONNECT_SECONDS, PAUSES_SECONDS_MAX, READ_SECONDS
from sagactl.design.template import functions
from sagactl.local.functions import CONTEXT, load

watchdog = load("order.watchdog")

[DEPLOYED] = [function for function in functions() if function.module == "order.watchdog"]
TIMEOUT_SECONDS = DEPLOYED.properties["Timeout"]
CALL_SECONDS = 0.015
PERIOD = timedelta(minutes=1)


class Simulated:
    """DynamoDB and EventBridge in memory, and a clock: a call takes its time, of which so many go on at once.

    That they do is tried apart. With `ships`, shipping answers at once, and the order is closed.
    """

    def __init__(self, ages: list[timedelta], now: Timestamp, *, ships: bool) -> None:
        self.now = now
        self.ships = ships
        self.call_seconds = CALL_SECONDS
        self.page = 5_000  # entries of the index in 1 MB, about
        self.told: Counter[str] = Counter()
        self.refuses = False
        self.calls: Counter[str] = Counter()
        self._spent_seconds = 0.0
        self._shards: list[dict[str, Any]] = [{} for _ in range(OPEN_SHARDS)]
        self._shard_of: dict[str, dict[str, Any]] = {}
        for number, age in enumerate(ages):
            opened_at = before(now, age)
            self.open(UUID(int=number), opened_at, first_due(opened_at))

    def open(self, order_id: UUID, opened_at: Timestamp, due_at: Timestamp) -> None:
        key = str(order_id)
        self._shard_of[key] = shard = self._shards[order_id.int % OPEN_SHARDS]
        shard[key] = {"orderId": {"S": key}, "openedAt": {"S": opened_at}, "dueAt": {"S": due_at}}

    @property
    def left(self) -> int:
        return sum(map(len, self._shards))

    def due_at(self, order_id: UUID) -> str:
        return str(self._shard_of[str(order_id)][str(order_id)]["dueAt"]["S"])

    def run(self, event: Any = None) -> dict[str, int]:
        """The real handler, a minute later."""
        self.now = Timestamp.of(datetime.fromisoformat(self.now) + PERIOD)
        self._spent_seconds = 0.0
        client: Any = self
        orders = DynamoOpenOrders(client, "OrderTable")
        bus = EventBridgeBus(client, "saga", self._pass)
        context = SimpleNamespace(**vars(CONTEXT) | {"get_remaining_time_in_millis": self._left_ms})
        with patch.multiple(watchdog, orders=orders, bus=bus), patch.object(Timestamp, "now", lambda: self.now):
            answer: dict[str, int] = watchdog.handler(event or {}, context)
        return answer

    # What the SDK's clients are asked

    def get_paginator(self, _operation: str) -> Any:
        return SimpleNamespace(paginate=self._query)

    def _query(self, **asked: Any) -> Iterator[Any]:
        shard = self._shards[int(asked["ExpressionAttributeValues"][":shard"]["N"])]
        items = sorted(shard.values(), key=lambda item: item["dueAt"]["S"])
        for start in range(0, max(1, len(items)), self.page):
            self._call("Query", OPEN_SHARDS)
            yield {"Items": items[start : start + self.page]}

    def update_item(self, **asked: Any) -> None:
        self._call("UpdateItem")
        order_id = asked["Key"]["orderId"]["S"]
        values = asked["ExpressionAttributeValues"]
        item = self._shard_of[order_id].get(order_id)
        if item is None or item["dueAt"] != values[":read"]:
            raise ClientError({"Error": {"Code": "ConditionalCheckFailedException"}}, "UpdateItem")
        item["dueAt"] = values[":due"]

    def put_events(self, Entries: Any) -> Any:  # noqa: N803  # boto3's name
        self._call("PutEvents")
        if self.refuses:
            return {"Entries": [{"ErrorCode": "InternalFailure"} for _ in Entries]}
        for entry in Entries:
            order_id = entry["Detail"].partition('"orderId":"')[2][:36]
            self.told[order_id] += 1
            if self.ships:
                del self._shard_of[order_id][order_id]
        return {"Entries": [{"EventId": "1"} for _ in Entries]}

    def _call(self, operation: str, at_once: int = watchdog.WORKERS) -> None:
        self.calls[operation] += 1
        self._spent_seconds += self.call_seconds / at_once

    def _pass(self, seconds: float) -> None:
        self._spent_seconds += seconds / watchdog.WORKERS

    def _left_ms(self) -> int:
        left = TIMEOUT_SECONDS - self._spent_seconds
        assert left > 0, "Lambda would have stopped the run"
        return int(left * 1000)


QUIET = logging.Logger("quiet", logging.CRITICAL + 1)
NOW = Timestamp("2026-11-26T12:00:00.000Z")


@cache
def first_due(opened_at: Timestamp) -> Timestamp:
    return Timestamp.of(datetime.fromisoformat(opened_at) + watchdog.deadline)


@cache
def before(moment: Timestamp, age: timedelta) -> Timestamp:
    return Timestamp.of(datetime.fromisoformat(moment) - age)


@cache
def late(seconds: float) -> timedelta:
    """The age of an order that has been due for this long."""
    return timedelta(watchdog.deadline.days, watchdog.deadline.seconds + seconds)


@pytest.fixture
def _quiet() -> Iterator[None]:
    """No metrics, and no log line for each of many orders."""
    with patch.multiple(watchdog, logger=QUIET, count=Mock()):
        yield


@pytest.mark.parametrize("ships", [True, False])
@pytest.mark.usefixtures("_quiet")
def test_a_backlog_of_100_000_is_through_in_10_minutes(ships: bool) -> None:
    """As after an outage of half an hour at 50 orders a second; also if shipping stays away."""
    late_orders = 100_000
    aws = Simulated([late(number // 50) for number in range(late_orders)], NOW, ships=ships)
    runs = 0
    while len(aws.told) < late_orders:
        aws.run()
        runs += 1
        assert runs <= 10
    assert aws.left == (0 if ships else late_orders)


@pytest.mark.parametrize("away", [timedelta(minutes=2), timedelta(days=1), timedelta(days=8), timedelta(days=400)])
@pytest.mark.usefixtures("_quiet")
def test_what_was_missed_is_asked_about_in_the_first_run(away: timedelta) -> None:
    """3,007 orders that came while the watchdog was away, one of them a moment before it is back."""
    ages = [late(0) + away * number / 3006 for number in range(3007)]
    aws = Simulated(ages, NOW, ships=False)
    assert aws.run() == {"told": 3007, "left": 0}


@pytest.mark.usefixtures("_quiet")
def test_an_order_is_asked_about_at_1_2_4_deadlines() -> None:
    minutes = int(watchdog.deadline / PERIOD)
    aws = Simulated([timedelta(0)], NOW, ships=False)
    told = [minute / minutes for minute in range(1, 9 * minutes) if aws.run()["told"]]
    assert told == [1, 2, 4, 8]


@pytest.mark.usefixtures("_quiet")
def test_the_oldest_due_time_comes_first_and_the_rest_in_the_next_run() -> None:
    number = 10 * ENTRIES_MAX * watchdog.WORKERS
    aws = Simulated([late(second) for second in range(number)], NOW, ships=True)
    aws.call_seconds = 2
    before = number
    while aws.left:
        assert aws.run() == {"told": before - aws.left, "left": aws.left}
        assert aws.left < before
        last_told = min(UUID(order_id).int for order_id in aws.told)
        assert last_told >= aws.left - ENTRIES_MAX * watchdog.WORKERS  # as many are told at once
        before = aws.left


@pytest.mark.usefixtures("_quiet")
def test_so_many_batches_are_told_at_once() -> None:
    aws = Simulated([late(0)] * ENTRIES_MAX * watchdog.WORKERS, NOW, ships=False)
    all_at_once = threading.Barrier(watchdog.WORKERS, timeout=10)
    tell = aws.put_events

    def tell_together(Entries: Any) -> Any:  # noqa: N803  # boto3's name
        all_at_once.wait()
        return tell(Entries)

    aws.put_events = tell_together  # type: ignore[method-assign]  # a stand-in
    assert aws.run()["left"] == 0


@pytest.mark.parametrize("orders", [1, 1_000, 20_000])
@pytest.mark.usefixtures("_quiet")
def test_a_run_in_which_everything_hangs_ends_in_time_and_makes_progress(orders: int) -> None:
    aws = Simulated([late(0)] * orders, NOW, ships=False)
    aws.call_seconds = watchdog.STOP_MS / 1000 - 1
    assert aws.run()["told"] > 0


def test_a_call_that_hangs_in_the_last_moment_ends_before_the_run_does() -> None:
    assert watchdog.STOP_MS / 1000 > ATTEMPTS * (CONNECT_SECONDS + READ_SECONDS) + PAUSES_SECONDS_MAX
    assert watchdog.STOP_MS < watchdog.STOP_READING_MS < TIMEOUT_SECONDS * 1000
    assert PERIOD.total_seconds() > TIMEOUT_SECONDS


@pytest.mark.parametrize(("has_time", "number"), [(True, 100), (False, 10 * OPEN_SHARDS)])
def test_the_index_is_read_page_by_page_while_there_is_time(has_time: bool, number: int) -> None:
    aws = Simulated([late(number) for number in range(100)], NOW, ships=False)
    aws.page = 10
    client: Any = aws
    read = DynamoOpenOrders(client, "OrderTable").read(lambda: has_time)
    assert {UUID(order.order_id).int for order in read} == set(range(100 - number, 100))  # those due first


def test_an_order_that_expires_is_logged(logged: Logged) -> None:
    Simulated([late(0)], NOW, ships=False).run()
    [line] = map(json.loads, logged())
    said = {"message": "expired", "orderId": str(UUID(int=0)), "detailType": "OrderExpired", "told": "OrderExpired"}
    assert line | said == line


@pytest.mark.usefixtures("_quiet")
def test_the_age_of_the_oldest_open_order_is_in_seconds() -> None:
    Simulated([late(0)], NOW, ships=False).run()
    metrics: Any = watchdog.count
    assert metrics.call_args_list[0] == call("OldestOpenSeconds", late(60).total_seconds(), MetricUnit.Seconds)


def test_metrics_come_before_telling_and_even_if_nothing_can_be_told(counted: Counted, logged: Logged) -> None:
    """One of the orders is due at this very moment."""
    aws = Simulated([late(1000), late(-PERIOD.total_seconds()), timedelta(0)], NOW, ships=False)
    aws.refuses = True
    with pytest.raises(Exception, match="InternalFailure"):
        aws.run()
    metrics = {"OldestOpenSeconds": late(1060).total_seconds(), "OrdersDue": 2, "SagasExpired": 0, "Failures": 1}
    assert counted() == metrics
    left, failed = map(json.loads, logged()[-2:])
    assert (left["level"], left["message"], left["orders"]) == ("WARNING", "left for the next run", 2)
    assert (failed["level"], failed["message"]) == (
        "ERROR",
        f"NotTold: {'; '.join(['OrderExpired: InternalFailure'] * 2)}",
    )


@pytest.mark.usefixtures("_quiet")
def test_a_batch_that_is_refused_does_not_keep_the_others_from_being_told() -> None:
    aws = Simulated([late(number) for number in range(ENTRIES_MAX * 3)], NOW, ships=False)
    tell = aws.put_events
    aws.put_events = lambda **asked: refused_if_first(tell, asked["Entries"])  # type: ignore[method-assign]  # a stand-in  # for a moment
    with pytest.raises(Exception, match="InternalFailure"):
        aws.run()
    assert len(aws.told) == ENTRIES_MAX * 2
    aws.put_events = tell  # type: ignore[method-assign]  # a stand-in
    assert aws.run() == {"told": ENTRIES_MAX, "left": 0}


def refused_if_first(tell: Any, entries: Any) -> Any:
    """PutEvents refuses the batch that has the order waiting longest."""
    if any(str(UUID(int=ENTRIES_MAX * 3 - 1)) in entry["Detail"] for entry in entries):
        return {"Entries": [{"ErrorCode": "InternalFailure"} for _ in entries]}
    return tell(entries)


@pytest.mark.usefixtures("_quiet")
def test_a_due_time_that_another_writer_changed_is_left_alone() -> None:
    aws = Simulated([late(1)], NOW, ships=False)
    move_on = aws.update_item

    def after_the_other(**arguments: Any) -> None:
        aws.open(UUID(int=0), NOW, NOW)
        move_on(**arguments)

    aws.update_item = after_the_other  # type: ignore[method-assign]  # a stand-in
    assert aws.run() == {"told": 1, "left": 0}
    assert aws.due_at(UUID(int=0)) == NOW


# fmt: off
ASKED = [
    # asked for                            told
    ({},                                   [0, 1]),
    ({"detail-type": "Scheduled Event"},   [0, 1]),
    ({"expire": "all"},                    [0, 1, 2]),
    ({"expire": [str(UUID(int=2))]},       [2]),
    ({"expire": [str(UUID(int=3))]},       []),   # before its deadline
    ({"expire": [str(UUID(int=9))]},       []),   # not open
]
# fmt: on


@pytest.mark.parametrize(("event", "told"), ASKED)
@pytest.mark.usefixtures("_quiet")
def test_orders_past_their_deadline_are_asked_about_at_once_if_asked_for(event: Any, told: list[int]) -> None:
    aws = Simulated([late(90), late(0), late(90), timedelta(0)], NOW, ships=False)
    later = Timestamp.of(datetime.fromisoformat(NOW) + timedelta(hours=1))
    aws.open(UUID(int=2), Timestamp.of(datetime.fromisoformat(NOW) - late(90)), later)
    assert aws.run(event) == {"told": len(told), "left": 0}
    assert sorted(aws.told) == [str(UUID(int=number)) for number in told]


@pytest.mark.usefixtures("_quiet")
def test_a_deadline_that_was_made_longer_holds_for_open_orders() -> None:
    aws = Simulated([late(60)], NOW, ships=False)
    with patch.object(watchdog, "deadline", watchdog.deadline + timedelta(minutes=4)):
        assert [aws.run()["told"] for _ in range(4)] == [0, 0, 1, 0]


@pytest.mark.parametrize("wanted", ["everything", 5, None, {}])
def test_what_else_is_asked_for_is_refused(wanted: object) -> None:
    with pytest.raises(ValueError, match=r'^expire: expected "all", or a list of order ids$'):
        Simulated([], NOW, ships=False).run({"expire": wanted})


def test_an_expiry_is_the_same_fact_no_matter_when_it_is_told() -> None:
    due = Timestamp.of(datetime.fromisoformat(AT) + watchdog.deadline)
    order = OpenOrder(str(ORDER_ID), AT, due_at=NOW)
    assert expire(ORDER_ID, watchdog.due(order)) == OrderExpired(ORDER_ID, timestamp=due, metadata=Metadata())


# On AWS, emulated by moto


def opened(aws: Aws, ago: timedelta) -> None:
    """Writes an order that was opened this long ago."""
    opened_at = Timestamp.of(datetime.now(UTC) - ago)
    due_at = first_due(opened_at)
    aws.put_item("OrderTable", orderId=str(ORDER_ID), openShard=0, openedAt=opened_at, dueAt=due_at)


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
