"""Shipping waits for payment and stock, and then decides for good if the order ships."""

import pytest
from msgspec.structs import replace
from support.given import a, cases, every_case, named

from contracts.events import OrderCancelled, OrderExpired, PaymentOK, ShipmentFail, ShipmentOK, StockReserved
from saga.event import Event, Metadata
from shipping.reactions import Shipment, cancel, expire, ship

CAPACITY = 10

PAID = Shipment(status="WAITING", paid=True)
FITS = Shipment(status="WAITING", quantity=10)
TOO_MANY = Shipment(status="WAITING", quantity=11)
SHIPPED = Shipment(status="SHIPPED", paid=True, quantity=10)
REFUSED = Shipment(status="FAILED", paid=True, quantity=11, reason="quantity 11 is over the capacity of 10")

EXPIRED = Shipment(status="FAILED", reason="the order expired")
PAID_EXPIRED = Shipment(status="FAILED", paid=True, reason="the order expired")
FITS_EXPIRED = Shipment(status="FAILED", quantity=10, reason="the order expired")
ASKED_BACK = Shipment(status="FAILED", reason="cancelled by the customer")
PAID_ASKED_BACK = Shipment(status="FAILED", paid=True, reason="cancelled by the customer")
FITS_ASKED_BACK = Shipment(status="FAILED", quantity=10, reason="cancelled by the customer")

THIS = Metadata(answers="this")
OTHER = Metadata(answers="another")
OF_TWO = "paid and reserved for different versions of the order"
PAID_THIS = Shipment(status="WAITING", paid=True, answers="this")
FITS_THIS = Shipment(status="WAITING", quantity=10, answers="this")
PAID_OTHER = Shipment(status="FAILED", paid=True, answers="this", reason=OF_TWO)
SHIPPED_THIS = replace(PAID_THIS, status="SHIPPED", quantity=10)
FITS_OTHER = Shipment(status="FAILED", quantity=10, answers="this", reason=OF_TWO)

# fmt: off
TABLE = [
    # given        when it hears                    then it is     and tells
    (None,         a(PaymentOK),                    PAID,          None),
    (None,         a(StockReserved, quantity=10),   FITS,          None),
    (None,         a(StockReserved, quantity=11),   TOO_MANY,      None),
    (PAID,         a(PaymentOK),                    PAID,          None),
    (FITS,         a(StockReserved, quantity=10),   FITS,          None),
    # the second of the two
    (PAID,         a(StockReserved, quantity=10),   SHIPPED,       ShipmentOK),
    (PAID,         a(StockReserved, quantity=11),   REFUSED,       ShipmentFail),
    (FITS,         a(PaymentOK),                    SHIPPED,       ShipmentOK),
    (TOO_MANY,     a(PaymentOK),                    REFUSED,       ShipmentFail),
    # it took too long
    (None,         a(OrderExpired),                 EXPIRED,       ShipmentFail),
    (PAID,         a(OrderExpired),                 PAID_EXPIRED,  ShipmentFail),
    (FITS,         a(OrderExpired),                 FITS_EXPIRED,  ShipmentFail),
    # its customer wants it back
    (None,         a(OrderCancelled),               ASKED_BACK,       ShipmentFail),
    (PAID,         a(OrderCancelled),               PAID_ASKED_BACK,  ShipmentFail),
    (FITS,         a(OrderCancelled),               FITS_ASKED_BACK,  ShipmentFail),
    # paid and reserved for the same version of the order, or not
    (PAID_THIS,    a(StockReserved, quantity=10, metadata=THIS),   SHIPPED_THIS,  ShipmentOK),
    (PAID_THIS,    a(StockReserved, quantity=10),                  SHIPPED_THIS,  ShipmentOK),
    (PAID,         a(StockReserved, quantity=10, metadata=THIS),   SHIPPED,       ShipmentOK),
    (PAID_THIS,    a(StockReserved, quantity=10, metadata=OTHER),  PAID_OTHER,    ShipmentFail),
    (FITS_THIS,    a(PaymentOK, metadata=OTHER),                   FITS_OTHER,    ShipmentFail),
    # what is decided stays
    (SHIPPED,      a(OrderCancelled),               SHIPPED,       ShipmentOK),
    (REFUSED,      a(OrderCancelled),               REFUSED,       ShipmentFail),
    (EXPIRED,      a(OrderCancelled),               EXPIRED,       ShipmentFail),
    (ASKED_BACK,   a(OrderExpired),                 ASKED_BACK,    ShipmentFail),
    (ASKED_BACK,   a(PaymentOK),                    ASKED_BACK,    ShipmentFail),
    (ASKED_BACK,   a(StockReserved),                ASKED_BACK,    ShipmentFail),
    (SHIPPED,      a(PaymentOK),                    SHIPPED,       ShipmentOK),
    (SHIPPED,      a(StockReserved),                SHIPPED,       ShipmentOK),
    (SHIPPED,      a(OrderExpired),                 SHIPPED,       ShipmentOK),
    (REFUSED,      a(PaymentOK),                    REFUSED,       ShipmentFail),
    (REFUSED,      a(StockReserved),                REFUSED,       ShipmentFail),
    (REFUSED,      a(OrderExpired),                 REFUSED,       ShipmentFail),
    (EXPIRED,      a(PaymentOK),                    EXPIRED,       ShipmentFail),
    (EXPIRED,      a(StockReserved),                EXPIRED,       ShipmentFail),
    (EXPIRED,      a(OrderExpired),                 EXPIRED,       ShipmentFail),
    (PAID_EXPIRED, a(StockReserved),                PAID_EXPIRED,  ShipmentFail),
    (FITS_EXPIRED, a(PaymentOK),                    FITS_EXPIRED,  ShipmentFail),
]
# fmt: on


@pytest.mark.parametrize(("given", "when", "then", "tells"), TABLE, ids=named)
def test_shipping(given: Shipment | None, when: Event, then: Shipment, tells: type[Event] | None) -> None:
    match when:
        case PaymentOK() | StockReserved():
            assert ship(when, given, capacity=CAPACITY) == (then, tells)
        case OrderExpired():
            assert expire(when, given) == (then, tells)
        case OrderCancelled():
            assert cancel(when, given) == (then, tells)


def test_the_table_is_complete() -> None:
    assert cases(TABLE) == every_case(Shipment, ship, expire, cancel)
