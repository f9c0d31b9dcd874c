"""The watchdog as its schedule invokes it: it tells exactly those orders that are due, and moves their due times on."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import boto3
import pytest
from msgspec.structs import replace
from support.emulation import Function, Heard, refusing
from support.given import a, envelope
from support.output import Counted

from contracts.events import EVENTS, OrderExpired, ShipmentFail
from order.due import dated
from order.reactions import OPEN_SHARDS, Order
from saga.bus import ATTEMPTS, ENTRIES_MAX, NotTold
from saga.dynamodb import DynamoLedger
from saga.event import Timestamp
from saga.ledger import Entry
from saga.serialization import parse
from sagactl.local.functions import CONTEXT, environment

SCHEDULED = {"detail-type": "Scheduled Event", "source": "aws.events", "detail": {}}
DEADLINE_SECONDS = int(environment("order.watchdog")["DEADLINE_SECONDS"])
DEADLINE = timedelta(seconds=DEADLINE_SECONDS)

OPEN = Order(status="PENDING", open_shard=0)

type Place = Callable[..., UUID]


@pytest.fixture
def watchdog(function: Function, heard: Heard) -> Any:
    heard()
    return function("order.watchdog")


@pytest.fixture
def orders(heard: Heard) -> Iterator[Any]:  # noqa: ARG001  # it is there
    """The order table; what a test leaves in it is removed."""
    table = boto3.resource("dynamodb").Table(environment("order.watchdog")["TABLE_NAME"])
    yield table
    with table.batch_writer() as batch:
        for item in table.scan(ProjectionExpression="orderId")["Items"]:
            batch.delete_item(Key=item)


@pytest.fixture
def place(orders: Any) -> Place:
    """Records an order of this age, and gives its id."""
    ledger = DynamoLedger(boto3.client("dynamodb"), orders.name, Order)

    def place(age_seconds: float, state: Order = OPEN, shard: int = 0) -> UUID:
        opened_at = Timestamp.of(datetime.now(UTC) - timedelta(seconds=age_seconds))
        state = state if state.open_shard is None else replace(state, open_shard=shard)
        entry = Entry(uuid4(), 1, opened_at, dated(state, opened_at, DEADLINE), {}, {})
        ledger.record(entry, None)
        return entry.order_id

    return place


@pytest.fixture
def run(watchdog: Any, heard: Heard) -> Callable[[], list[UUID]]:
    """One run of the watchdog; gives the orders that it told of."""

    def run() -> list[UUID]:
        watchdog.handler(SCHEDULED, CONTEXT)
        told = [parse(e["detail"], EVENTS[e["detail-type"]]) for e in heard()]
        assert all(isinstance(event, OrderExpired) for event in told)
        return [event.order_id for event in told]

    return run


type Run = Callable[[], list[UUID]]

SLACK_SECONDS = 15  # as the clock goes on while a test runs


# fmt: off
AGES = [
    (0,                                 False),
    (DEADLINE_SECONDS - SLACK_SECONDS,  False),
    (DEADLINE_SECONDS,                  True),
    (2.5 * DEADLINE_SECONDS,            True),  # the watchdog was away
    (8192 * DEADLINE_SECONDS,           True),  # for four weeks
]
# fmt: on


@pytest.mark.parametrize(("age_seconds", "is_told"), AGES)
def test_an_order_is_told_once_it_is_late(place: Place, run: Run, age_seconds: float, is_told: bool) -> None:
    order_id = place(age_seconds)
    told = [order_id] if is_told else []
    assert run() == told
    assert run() == []


@pytest.mark.parametrize("status", ["PENDING", "FAILING"])
def test_every_open_order_is_told(place: Place, run: Run, status: str) -> None:
    late = [place(DEADLINE_SECONDS, replace(OPEN, status=status), shard) for shard in range(OPEN_SHARDS)]
    assert sorted(run()) == sorted(late)


@pytest.mark.parametrize("status", ["COMPLETED", "FAILED"])
def test_a_closed_order_is_not_told(place: Place, run: Run, status: str) -> None:
    place(DEADLINE_SECONDS, replace(OPEN, status=status, open_shard=None))
    assert run() == []


def test_only_the_due_time_is_moved_on(place: Place, run: Run, orders: Any) -> None:
    order_id = place(DEADLINE_SECONDS)
    [before] = orders.scan()["Items"]
    assert run() == [order_id]
    [after] = orders.scan()["Items"]
    due_at = datetime.fromisoformat(before["openedAt"]) + 2 * DEADLINE
    assert after == before | {"dueAt": Timestamp.of(due_at)}


def test_an_order_is_told_as_the_same_fact_each_time(place: Place, watchdog: Any, heard: Heard, orders: Any) -> None:
    order_id = place(DEADLINE_SECONDS)
    [item] = orders.scan()["Items"]
    for _ in range(2):
        orders.put_item(Item=item)  # due again
        watchdog.handler(SCHEDULED, CONTEXT)
    first, second = [envelope["detail"] for envelope in heard()]
    assert (first["orderId"], first["timestamp"]) == (str(order_id), item["dueAt"])
    assert first == second


def test_an_order_from_before_it_had_a_due_time_is_told_once_it_hears_anything(
    place: Place, run: Run, orders: Any, function: Function
) -> None:
    order_id = place(DEADLINE_SECONDS)
    orders.update_item(Key={"orderId": str(order_id)}, UpdateExpression="REMOVE dueAt")
    assert run() == []
    function("order.app").handler(envelope(a(ShipmentFail, order_id=order_id)), CONTEXT)
    assert run() == [order_id]


def test_orders_are_told_before_they_are_due_if_asked_for(place: Place, watchdog: Any, run: Run) -> None:
    expired = [place(3 * DEADLINE_SECONDS) for _ in range(2)]
    place(0)
    assert sorted(run()) == sorted(expired)
    assert run() == []
    assert watchdog.handler({"expire": "all"}, CONTEXT) == {"told": 2, "left": 0}
    assert watchdog.handler({"expire": [str(expired[0])]}, CONTEXT) == {"told": 1, "left": 0}


def test_many_late_orders_are_all_told_once(place: Place, run: Run) -> None:
    """More than a page of the index, and more than PutEvents takes at once."""
    late = [place(DEADLINE_SECONDS + n / 10, shard=n % 21 // 20) for n in range(110)]
    told = run()
    assert sorted(told) == sorted(late)


def test_late_orders_are_told_even_if_some_before_were_not(place: Place, run: Run, watchdog: Any, heard: Heard) -> None:
    late = [place(DEADLINE_SECONDS) for _ in range(ENTRIES_MAX)]
    with refusing(watchdog.bus._client, ATTEMPTS), pytest.raises(NotTold):
        watchdog.handler(SCHEDULED, CONTEXT)
    heard()
    assert sorted(run()) == sorted(late)


@pytest.mark.parametrize("shard", range(OPEN_SHARDS))
def test_the_age_of_the_oldest_open_order_is_measured(place: Place, run: Run, counted: Counted, shard: int) -> None:
    place(100_000, replace(OPEN, status="FAILED", open_shard=None))
    place(50_000, shard=shard)
    place(70, shard=(shard + 1) % OPEN_SHARDS)
    place(40_000, shard=shard)
    counted()
    run()
    assert 50_000 <= counted()["OldestOpenSeconds"] < 50_000 + SLACK_SECONDS


def test_without_an_open_order_the_age_is_0(run: Run, counted: Counted) -> None:
    run()
    metrics = counted()
    assert "OldestOpenSeconds" in metrics
    assert metrics["OldestOpenSeconds"] < 0.001


def test_what_is_due_and_what_is_told_is_counted(place: Place, run: Run, counted: Counted) -> None:
    place(DEADLINE_SECONDS)
    place(2 * DEADLINE_SECONDS)
    place(0)
    counted()
    run()
    metrics = counted()
    assert (metrics["OrdersDue"], metrics["SagasExpired"]) == (2, 2)
