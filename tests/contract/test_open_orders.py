"""What the open orders promise: all of them can be read, and a due time is moved on only if nobody else changed it."""

import time
from collections.abc import Iterator
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
from sagactl.design.template import resources
from sagactl.local.functions import tables
from sagactl.stack import expiry
from sagactl.stack.deployed_stack import Stack

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


@pytest.mark.parametrize("implementation", ["dynamodb-local", "moto"], indirect=True)
def test_of_a_long_shard_those_due_first_are_read(
    ledger: Ledger[Order], orders: OpenOrders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("order.due.SHARD_MAX", 2)
    for day in (3, 1, 2):
        opened(ledger, due_at=Timestamp(f"2026-01-0{day}T00:00:00.000Z"))
    long_due = [order.due_at for order in orders.read(lambda: True) if order.due_at < "2026-02"]
    assert long_due == ["2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00.000Z"]


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


# A table that release 1.0 deployed

OLD_INDEX = {
    "IndexName": "open",
    "KeySchema": [
        {"AttributeName": "openShard", "KeyType": "HASH"},
        {"AttributeName": "openedAt", "KeyType": "RANGE"},
    ],
    "Projection": {"ProjectionType": "KEYS_ONLY"},
}


def test_the_old_index_may_be_kept_as_it_was_for_one_deployment() -> None:
    """CloudFormation adds or deletes one index of a table at a time, and changes none."""
    kept = [index["If"] for index in resources("AWS::DynamoDB::Table")["OrderTable"]["GlobalSecondaryIndexes"][1:]]
    assert kept == [["KeepsOldOpenIndex", OLD_INDEX, {"Ref": "AWS::NoValue"}]]


@pytest.fixture
def upgraded(dynamodb_local: Any) -> Iterator[str]:
    """The order table with its old index, an order of that time, and then the new index, as CloudFormation adds it."""
    [table] = [table for table in tables() if table["TableName"] == "OrderTable"]
    name = "OrderTableOf10"
    [index] = table["GlobalSecondaryIndexes"]
    opened_at = {"AttributeName": "openedAt", "AttributeType": "S"}
    kept = [one for one in table["AttributeDefinitions"] if one["AttributeName"] != "dueAt"]
    old = {"TableName": name, "AttributeDefinitions": [*kept, opened_at], "GlobalSecondaryIndexes": [OLD_INDEX]}
    dynamodb_local.create_table(**table | old)
    undated = Order(status="PENDING", open_shard=2)
    DynamoLedger(dynamodb_local, name, Order).record(Entry(uuid4(), 1, OPENED_AT, undated, {}, {}), None)
    definitions = [*table["AttributeDefinitions"], opened_at]
    add = [{"Create": index}]
    dynamodb_local.update_table(TableName=name, AttributeDefinitions=definitions, GlobalSecondaryIndexUpdates=add)
    until_active(dynamodb_local, name)
    yield name
    dynamodb_local.delete_table(TableName=name)


def until_active(client: Any, table: str) -> None:
    """Waits until all indexes of the table are built."""
    for _ in range(100):
        indexes = client.describe_table(TableName=table)["Table"]["GlobalSecondaryIndexes"]
        if {index["IndexStatus"] for index in indexes} == {"ACTIVE"}:
            return
        time.sleep(0.1)
    raise AssertionError(indexes)


def test_an_order_of_release_1_0_is_found_once_it_has_a_due_time(upgraded: str, dynamodb_local: Any) -> None:
    class Here:
        @staticmethod
        def client(_service: str) -> Any:
            return dynamodb_local

    here: Any = Here()
    orders = DynamoOpenOrders(dynamodb_local, upgraded)
    assert orders.read(lambda: True) == []
    assert expiry.date(Stack(here, {"OrderTable": upgraded})) == 1
    [order] = orders.read(lambda: True)
    assert (order.opened_at, order.due_at) == (OPENED_AT, OPENED_AT)
    assert expiry.date(Stack(here, {"OrderTable": upgraded})) == 0
