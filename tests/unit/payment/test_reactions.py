"""Payment charges an order once, and gives the money back if the order fails elsewhere."""

import pytest
from support.given import a, cases, every_case, named

from contracts.events import OrderCreated, PaymentCancel, PaymentFail, PaymentOK, ShipmentFail, StockFailed
from contracts.values import Amount
from payment.reactions import Payment, cancel, charge
from saga.event import Event

LIMIT = Amount(100)

AT_LIMIT = Amount(100)
OVER_LIMIT = Amount("100.01")
CHARGED = Payment(status="CHARGED", amount=AT_LIMIT)
DECLINED = Payment(status="DECLINED", amount=OVER_LIMIT, reason="amount 100.01 is over the limit of 100")
WHY = a(StockFailed).reason  # that of any other sample, too
GIVEN_BACK = Payment(status="CANCELLED", amount=AT_LIMIT, reason=WHY)
NEVER_CHARGED = Payment(status="CANCELLED", reason=WHY)

# fmt: off
TABLE = [
    # given          when it hears                         then it is     and tells
    (None,           a(OrderCreated, amount=AT_LIMIT),     CHARGED,       PaymentOK),
    (None,           a(OrderCreated, amount=OVER_LIMIT),   DECLINED,      PaymentFail),
    (None,           a(StockFailed),                       NEVER_CHARGED, PaymentCancel),
    (None,           a(ShipmentFail),                      NEVER_CHARGED, PaymentCancel),
    (CHARGED,        a(StockFailed),                       GIVEN_BACK,    PaymentCancel),
    (CHARGED,        a(ShipmentFail),                      GIVEN_BACK,    PaymentCancel),
    (DECLINED,       a(StockFailed),                       DECLINED,      PaymentCancel),
    (DECLINED,       a(ShipmentFail),                      DECLINED,      PaymentCancel),
    (GIVEN_BACK,     a(StockFailed),                       GIVEN_BACK,    PaymentCancel),
    (GIVEN_BACK,     a(ShipmentFail),                      GIVEN_BACK,    PaymentCancel),
    (NEVER_CHARGED,  a(StockFailed),                       NEVER_CHARGED, PaymentCancel),
    (NEVER_CHARGED,  a(ShipmentFail),                      NEVER_CHARGED, PaymentCancel),
    # cancelled before it was to be charged: it never is
    (NEVER_CHARGED,  a(OrderCreated),                      NEVER_CHARGED, PaymentCancel),
    # these three can't be, as the kernel lets OrderCreated through once: even so, nothing is charged
    (GIVEN_BACK,     a(OrderCreated),                      GIVEN_BACK,    PaymentCancel),
    (DECLINED,       a(OrderCreated),                      DECLINED,      PaymentCancel),
    (CHARGED,        a(OrderCreated),                      CHARGED,       PaymentCancel),
]

GIVES_BACK = [
    # given          PaymentCancel's amount
    (CHARGED,        0),
    (DECLINED,       0),
    (GIVEN_BACK,     100),
    (NEVER_CHARGED,  0),
]
# fmt: on


@pytest.mark.parametrize(("given", "when", "then", "tells"), TABLE, ids=named)
def test_payment(given: Payment | None, when: Event, then: Payment, tells: type[Event]) -> None:
    match when:
        case OrderCreated():
            assert charge(when, given, limit=LIMIT) == (then, tells)
        case StockFailed() | ShipmentFail():
            assert cancel(when, given) == (then, tells)


@pytest.mark.parametrize(("given", "amount"), GIVES_BACK, ids=named)
def test_what_a_payment_gives_back(given: Payment, amount: int) -> None:
    assert given.refunded == amount


def test_the_table_is_complete() -> None:
    assert cases(TABLE) == every_case(Payment, charge, cancel)
