"""The five ways a saga can go, through both doors, as deployed."""

from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import Any

import pytest
from support.driver import Saga

from sagactl.design.ways import PRODUCT
from sagactl.stack import books, shop
from sagactl.stack.deployed import Stack

DOORS: tuple[shop.Via, ...] = ("api", "bus")
CREATED = {"OrderCreated"}
WAYS: dict[str, tuple[int, int, set[str], set[str]]] = {
    # way: quantity, amount, events that are told each time, and those that depend on who is first
    "completed": (2, 1_000, CREATED | {"PaymentOK", "StockReserved", "ShipmentOK"}, set()),
    "payment declined": (2, 10_001, CREATED | {"PaymentFail", "StockRelease", "OrderFailed"}, {"StockReserved"}),
    "out of stock": (501, 1_000, CREATED | {"StockFailed", "PaymentCancel", "OrderFailed"}, {"PaymentOK"}),
    "shipment refused": (
        101,
        1_000,
        CREATED | {"PaymentOK", "StockReserved", "ShipmentFail", "PaymentCancel", "StockRelease", "OrderFailed"},
        set(),
    ),
    "both fail": (
        501,
        10_001,
        CREATED | {"OrderFailed", "PaymentCancel", "StockRelease"},
        {"PaymentFail", "StockFailed"},
    ),
}
CASES = list(product(WAYS, DOORS))


@pytest.fixture(scope="module")
def placed(stack: Stack) -> dict[tuple[str, shop.Via], str]:
    """Ids of the orders, one for each way through each door, placed all at once."""

    def place(case: tuple[str, shop.Via]) -> str:
        quantity, amount, *_ = WAYS[case[0]]
        return shop.place(stack, {"productId": PRODUCT, "quantity": quantity, "amount": amount}, case[1])

    with ThreadPoolExecutor(len(CASES)) as pool:
        return dict(zip(CASES, pool.map(place, CASES), strict=True))


@pytest.mark.parametrize(("way", "door"), CASES)
def test_every_way_closes_and_is_told(saga: Saga, placed: dict[Any, str], way: str, door: shop.Via) -> None:
    order_id = placed[way, door]
    quantity, amount, always, sometimes = WAYS[way]
    order = saga.close(order_id)

    assert order["status"] == ("COMPLETED" if way == "completed" else "FAILED")
    assert (order["productId"], order["quantity"], order["amount"]) == (PRODUCT, quantity, amount)
    assert bool(order["reason"]) is (order["status"] == "FAILED")
    told = saga.told(order_id, "ShipmentOK" if way == "completed" else "OrderFailed")
    names = {event.name for event in told}
    assert always - {"PaymentCancel", "StockRelease"} <= names <= always | sometimes


def test_money_and_stock_balance(saga: Saga, stack: Stack, placed: dict[Any, str]) -> None:
    for order_id in placed.values():
        saga.close(order_id)
    stocked = books.stock(stack) | {PRODUCT: 500}  # other tests stock products of their own
    assert books.audit(stack, placed.values(), stocked) == []


def test_every_event_names_its_cause(saga: Saga, placed: dict[Any, str]) -> None:
    order_id = placed["shipment refused", "api"]
    told = saga.told(order_id, "OrderFailed")
    by_id = {event.event_id: event for event in told}
    causes = {event.name: by_id[event.cause_id].name for event in told if event.cause_id}
    assert causes["PaymentOK"] == causes["StockReserved"] == "OrderCreated"
    assert causes["PaymentCancel"] == causes["StockRelease"] == "ShipmentFail"
