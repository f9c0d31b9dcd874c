"""Shipping on AWS, emulated by moto: it waits for two events, then writes what it decides, and tells it."""

from support.emulation import Aws
from support.given import ORDER_ID, a, envelope

from contracts.events import PaymentOK, StockReserved


def test_an_order_ships_once_it_is_paid_and_reserved(aws: Aws) -> None:
    aws.invoke("shipping.app", envelope(a(PaymentOK)))

    assert aws.item("ShippingTable", orderId=str(ORDER_ID))["status"] == "WAITING"
    assert aws.told() == []

    aws.invoke("shipping.app", envelope(a(StockReserved)))

    assert aws.item("ShippingTable", orderId=str(ORDER_ID))["status"] == "SHIPPED"
    [event] = aws.told()
    assert (event["source"], event["detail-type"]) == ("saga.shipping", "ShipmentOK")
