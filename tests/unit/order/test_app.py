"""Order on AWS, emulated by moto: it hears what happens to an order, writes its status, and tells if it failed."""

from support.emulation import Aws
from support.given import ORDER_ID, a, envelope

from contracts.events import OrderCreated, PaymentFail, ShipmentOK, StockRelease


def test_an_order_that_ships_is_completed(aws: Aws) -> None:
    aws.invoke("order.app", envelope(a(OrderCreated)))
    assert aws.item("OrderTable", orderId=str(ORDER_ID))["status"] == "PENDING"

    aws.invoke("order.app", envelope(a(ShipmentOK)))

    assert aws.item("OrderTable", orderId=str(ORDER_ID))["status"] == "COMPLETED"
    assert aws.told() == []


def test_an_order_fails_once_payment_and_stock_are_settled(aws: Aws) -> None:
    aws.invoke("order.app", envelope(a(PaymentFail, reason="too much")))
    assert aws.item("OrderTable", orderId=str(ORDER_ID))["status"] == "FAILING"

    aws.invoke("order.app", envelope(a(StockRelease)))

    assert aws.item("OrderTable", orderId=str(ORDER_ID))["status"] == "FAILED"
    [event] = aws.told()
    assert (event["source"], event["detail-type"]) == ("saga.order", "OrderFailed")
    assert event["detail"]["reason"] == "too much"
