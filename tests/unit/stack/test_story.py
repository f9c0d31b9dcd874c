"""What the list of orders says of an order, as far as the journal's summary of it tells."""

import pytest

from sagactl.stack import story
from sagactl.stack.journal import Summary

CASES = {
    # events told, in this order: status, why it fails, what it waits for
    "OrderCreated": ("PENDING", [], ["PaymentOK", "StockReserved"]),
    "OrderCreated PaymentOK": ("PENDING", [], ["StockReserved"]),
    "PaymentOK": ("PENDING", [], ["StockReserved"]),
    "OrderCreated PaymentOK StockReserved": ("PENDING", [], ["ShipmentOK"]),
    "OrderCreated PaymentOK StockReserved ShipmentOK": ("COMPLETED", [], []),
    "OrderCreated OrderExpired": ("PENDING", ["OrderExpired"], ["PaymentOK", "StockReserved"]),
    "OrderCreated PaymentFail": ("FAILING", ["PaymentFail"], ["StockFailed or StockRelease"]),
    "OrderCreated StockFailed PaymentFail": ("FAILING", ["StockFailed", "PaymentFail"], ["OrderFailed"]),
    "OrderCreated OrderCancelled ShipmentFail": (
        "FAILING",
        ["OrderCancelled", "ShipmentFail"],
        ["PaymentFail or PaymentCancel", "StockFailed or StockRelease"],
    ),
    "OrderCreated PaymentFail StockRelease OrderFailed": ("FAILED", ["PaymentFail"], []),
    "OrderCreated SomethingElse": ("PENDING", [], ["PaymentOK", "StockReserved"]),
}


@pytest.mark.parametrize("told", CASES)
def test_why_an_order_fails_and_what_it_waits_for(told: str) -> None:
    status, failures, awaited = CASES[told]
    events = {name: f"2026-01-31T12:00:{second:02}.000Z" for second, name in enumerate(told.split())}
    order = Summary("an order", status, "2026-01-31T12:00:00.000Z", events)
    assert (story.failures(order), story.awaited(order)) == (failures, awaited)
