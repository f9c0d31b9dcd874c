"""Payment on AWS, emulated by moto: it hears an event, writes an item, and tells an event."""

from unittest.mock import patch

import pytest
from support.emulation import Aws
from support.given import ORDER_ID, a, envelope

from contracts.events import OrderCreated, StockFailed
from contracts.values import Amount
from sagactl.local.functions import CONTEXT, load


def test_a_new_order_is_charged(aws: Aws) -> None:
    aws.invoke("payment.app", envelope(a(OrderCreated, amount=Amount(40))))

    payment = aws.item("PaymentTable", orderId=str(ORDER_ID))
    assert payment["status"] == "CHARGED"
    assert payment["amount"] == 40
    [event] = aws.told()
    assert (event["source"], event["detail-type"]) == ("saga.payment", "PaymentOK")
    assert event["detail"]["orderId"] == str(ORDER_ID)
    assert event["detail"]["amount"] == 40


def test_an_order_that_is_out_of_stock_gets_its_money_back(aws: Aws) -> None:
    aws.invoke("payment.app", envelope(a(OrderCreated, amount=Amount(40))))
    aws.invoke("payment.app", envelope(a(StockFailed)))

    assert aws.item("PaymentTable", orderId=str(ORDER_ID))["status"] == "CANCELLED"
    charged, given_back = aws.told()
    assert charged["detail-type"] == "PaymentOK"
    assert given_back["detail-type"] == "PaymentCancel"
    assert given_back["detail"]["amount"] == 40


@pytest.mark.usefixtures("aws")
def test_a_new_order_is_recorded_without_a_read() -> None:
    handler = load("payment.app")
    with patch.object(handler.service.ledger, "recall", lambda _: pytest.fail("it was read")):
        handler.handler(envelope(a(OrderCreated)), CONTEXT)
