"""What the open orders promise: all of them can be read, and a due time is moved on only if nobody else changed it."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from msgspec.structs import replace
from support.memory import MemoryLedger, MemoryOpenOrders

from order.due import DynamoOpenOrders, OpenOrder, OpenOrders
from order.reactions import OPEN_SHARDS, Order
from saga.dynamodb import DynamoLedger
from saga.event import Timestamp
from saga.ledger import Conflict, Entry, Ledger

OPENED_AT = Timestamp.of(datetime.now(UTC))
DUE_AT = Timestamp.of(datetime.now(UTC) + timedelta(minutes=5))
LATER = Timestamp.of(datetime.now(UTC) + timedelta(minutes=10))


@pytest.fixture
def ledger(implementation: Any) -> Ledger[Order]:
    return DynamoLedger(implementation, "OrderTable", Order) if implementation else MemoryLedger()


@pytest.fixture
def orders(implementation: Any, ledger: Any) -> OpenOrders:
    return DynamoOpenOrders(implementation, "OrderTable") if implementation else MemoryOpenOrders(ledger)


def opened(ledger: Ledger[Order], **state: Any) -> Entry[Order]:
    order = replace(Order(status="PENDING", open_shard=0, due_at=DUE_AT, product_id="apple"), **state)
    entry = Entry(uuid4(), 1, OPENED_AT, order, {}, {})
    ledger.record(entry, None)
    return entry


def of(orders: OpenOrders, entry: Entry[Order]) -> OpenOrder | None:
    """The order in the index. There may be others."""
    return next((order for order in orders.read(lambda: True) if order.order_id == str(entry.order_id)), None)


def found(orders: OpenOrders, entry: Entry[Order]) -> OpenOrder:
    order = of(orders, entry)
    assert order
    return order


@pytest.mark.parametrize("shard", range(OPEN_SHARDS))
def test_an_open_order_is_read_from_every_shard(ledger: Ledger[Order], orders: OpenOrders, shard: int) -> None:
    entry = opened(ledger, open_shard=shard)
    assert of(orders, entry) == OpenOrder(str(entry.order_id), OPENED_AT, DUE_AT)


def test_a_closed_order_is_not_read(ledger: Ledger[Order], orders: OpenOrders) -> None:
    assert of(orders, opened(ledger, status="FAILED", open_shard=None, due_at=None)) is None


def test_all_are_read_as_long_as_there_is_time(ledger: Ledger[Order], orders: OpenOrders) -> None:
    entries = [opened(ledger, open_shard=number % OPEN_SHARDS) for number in range(20)]
    assert {str(entry.order_id) for entry in entries} <= {order.order_id for order in orders.read(lambda: True)}


def test_moving_on_changes_the_due_time_and_nothing_else(ledger: Ledger[Order], orders: OpenOrders) -> None:
    entry = opened(ledger)
    orders.move_on(found(orders, entry), LATER)
    assert ledger.recall(entry.order_id) == replace(entry, state=replace(entry.state, due_at=LATER))
    assert found(orders, entry).due_at == LATER


def test_a_service_that_read_the_order_before_still_records(ledger: Ledger[Order], orders: OpenOrders) -> None:
    entry = opened(ledger)
    orders.move_on(found(orders, entry), LATER)
    closed = replace(entry, version=2, state=Order(status="COMPLETED"))
    ledger.record(closed, entry)
    assert ledger.recall(entry.order_id) == closed
    assert of(orders, entry) is None


def test_an_order_that_was_closed_meanwhile_is_left_alone(ledger: Ledger[Order], orders: OpenOrders) -> None:
    entry = opened(ledger)
    order = found(orders, entry)
    closed = replace(entry, version=2, state=Order(status="COMPLETED"))
    ledger.record(closed, entry)
    with pytest.raises(Conflict):
        orders.move_on(order, LATER)
    assert ledger.recall(entry.order_id) == closed


def test_of_two_runs_one_moves_on(ledger: Ledger[Order], orders: OpenOrders) -> None:
    entry = opened(ledger)
    order = found(orders, entry)
    orders.move_on(order, LATER)
    with pytest.raises(Conflict):
        orders.move_on(order, Timestamp.of(datetime.now(UTC) + timedelta(days=1)))
    assert found(orders, entry).due_at == LATER


def test_an_order_that_is_gone_is_left_alone(orders: OpenOrders) -> None:
    with pytest.raises(Conflict):
        orders.move_on(OpenOrder(str(uuid4()), OPENED_AT, DUE_AT), LATER)
