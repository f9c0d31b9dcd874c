"""Inventory on AWS, emulated by moto: it hears an event, writes the reservation and the stock, and tells an event."""

from unittest.mock import patch

import pytest
from support.emulation import Aws
from support.given import ORDER_ID, a, envelope

from contracts.events import OrderCreated, PaymentFail
from sagactl.local.functions import CONTEXT, load


def test_a_new_order_takes_its_units_from_the_stock(aws: Aws) -> None:
    aws.put_item("StockTable", productId="apple", available=5)

    aws.invoke("inventory.app", envelope(a(OrderCreated, product_id="apple", quantity=2)))

    assert aws.item("InventoryTable", orderId=str(ORDER_ID))["status"] == "RESERVED"
    assert aws.item("StockTable", productId="apple")["available"] == 3
    [event] = aws.told()
    assert (event["source"], event["detail-type"]) == ("saga.inventory", "StockReserved")
    assert event["detail"]["quantity"] == 2


def test_a_declined_payment_gives_the_units_back(aws: Aws) -> None:
    aws.put_item("StockTable", productId="apple", available=5)
    aws.invoke("inventory.app", envelope(a(OrderCreated, product_id="apple", quantity=2)))

    aws.invoke("inventory.app", envelope(a(PaymentFail)))

    assert aws.item("InventoryTable", orderId=str(ORDER_ID))["status"] == "RELEASED"
    assert aws.item("StockTable", productId="apple")["available"] == 5
    assert [event["detail-type"] for event in aws.told()] == ["StockReserved", "StockRelease"]


@pytest.mark.usefixtures("aws")
def test_a_new_order_is_recorded_without_a_read() -> None:
    handler = load("inventory.app")
    with patch.object(handler.service.ledger, "recall", lambda _: pytest.fail("it was read")):
        handler.handler(envelope(a(OrderCreated)), CONTEXT)
