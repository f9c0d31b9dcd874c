"""The ways a saga can go, through both doors, as deployed."""

import json
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import Any

import pytest
from support.driver import WAYS, Saga, eventually, order_created

from contracts.values import CANCELLED
from order.triggers import cancel
from saga.event import Timestamp
from sagactl.design.ways import PRODUCT
from sagactl.stack import audit, demo_orders, entries, shop
from sagactl.stack.demo_orders import Trial
from sagactl.stack.deployed_stack import Stack

DOORS: tuple[shop.Via, ...] = ("api", "bus")
CREATED = {"OrderCreated"}
TOLD: dict[str, tuple[set[str], set[str]]] = {
    # way: events that are told each time, and those that depend on who is first
    "completed": (CREATED | {"PaymentOK", "StockReserved", "ShipmentOK"}, set()),
    "payment_failed": (CREATED | {"PaymentFail", "StockRelease", "OrderFailed"}, {"StockReserved"}),
    "stock_failed": (CREATED | {"StockFailed", "PaymentCancel", "OrderFailed"}, {"PaymentOK"}),
    "shipment_failed": (
        CREATED | {"PaymentOK", "StockReserved", "ShipmentFail", "PaymentCancel", "StockRelease", "OrderFailed"},
        set(),
    ),
    "payment_and_stock_failed": (
        CREATED | {"OrderFailed", "PaymentCancel", "StockRelease"},
        {"PaymentFail", "StockFailed"},
    ),
    "cancelled": (
        CREATED | {"OrderCancelled", "ShipmentFail", "PaymentCancel", "StockRelease", "OrderFailed"},
        {"PaymentOK", "StockReserved"},
    ),
}
LAST = {"COMPLETED": "ShipmentOK", "FAILED": "OrderFailed"}
CASES = [(name, door) for name, door in product(WAYS, DOORS) if door == "bus" or not WAYS[name].is_cancelled]


@pytest.fixture(scope="module", autouse=True)
def units(stack: Stack) -> int:
    """Of the product that is ordered, available or held before: other tests restock it."""
    return audit.stock(stack)[PRODUCT]


@pytest.fixture(scope="module")
def placed(stack: Stack) -> dict[tuple[str, shop.Via], str]:
    """Ids of the orders, one for each way through each door, placed all at once."""

    def place(case: tuple[str, shop.Via]) -> str:
        way, door = case
        trial = Trial(WAYS[way], door)
        demo_orders.place(stack, trial)
        return trial.order_id

    with ThreadPoolExecutor(len(CASES)) as pool:
        return dict(zip(CASES, pool.map(place, CASES), strict=True))


@pytest.mark.parametrize(("way", "door"), CASES)
def test_every_way_closes_and_is_told(saga: Saga, placed: dict[Any, str], way: str, door: shop.Via) -> None:
    order_id = placed[way, door]
    always, sometimes = TOLD[way]
    order = saga.close(order_id)

    assert order["status"] == WAYS[way].ends
    assert order | WAYS[way].wanted == order
    assert bool(order["reason"]) is (order["status"] == "FAILED")
    assert (order["reason"] == CANCELLED) is WAYS[way].is_cancelled
    told = saga.told(order_id, LAST[WAYS[way].ends])
    names = {event.name for event in told}
    assert always - {"PaymentCancel", "StockRelease"} <= names <= always | sometimes


def test_money_and_stock_balance(saga: Saga, stack: Stack, placed: dict[Any, str], units: int) -> None:
    for order_id in placed.values():
        saga.close(order_id)
    stocked = audit.stock(stack) | {PRODUCT: units}  # other tests stock products of their own
    assert audit.audit(stack, placed.values(), stocked) == []


def test_an_order_that_is_cancelled_in_time_fails(saga: Saga, stack: Stack) -> None:
    created = order_created()
    order_id = str(created.order_id)
    saga.tell(cancel(created.order_id, Timestamp.now()))
    eventually(lambda: entries.state_of(stack, "shipping", order_id), "shipping's answer")
    saga.tell(created)
    order = saga.close(order_id)
    assert (order["status"], order["reason"]) == ("FAILED", CANCELLED)
    saga.told(order_id, "OrderFailed")

    again = saga.run("cancel", order_id, "--json")
    assert json.loads(again.stdout) == {"orderId": order_id, "status": "FAILED"}


def test_an_order_that_was_shipped_is_not_cancelled(saga: Saga, placed: dict[Any, str]) -> None:
    order_id = placed["completed", "api"]
    saga.close(order_id)
    refused = saga.run("cancel", order_id)
    assert refused.exit_code == 1
    assert "the order has been shipped" in refused.stderr


def test_the_audit_finds_nothing_wrong(saga: Saga, placed: dict[Any, str]) -> None:
    for order_id in placed.values():
        saga.close(order_id)
    audited = saga.run("audit", "--json")
    assert audited.exit_code == 0, audited.output
    answer = json.loads(audited.stdout)
    assert answer["orders"] >= len(placed)
    assert (answer["isWhole"], answer["problems"]) == (True, [])


def test_every_event_names_its_cause(saga: Saga, placed: dict[Any, str]) -> None:
    order_id = placed["shipment_failed", "api"]
    told = saga.told(order_id, "OrderFailed")
    by_id = {event.event_id: event for event in told}
    causes = {event.name: by_id[event.cause_id].name for event in told if event.cause_id}
    assert causes["PaymentOK"] == causes["StockReserved"] == "OrderCreated"
    assert causes["PaymentCancel"] == causes["StockRelease"] == "ShipmentFail"
