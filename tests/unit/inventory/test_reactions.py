"""Inventory reserves an order's units once, and gives them back if the order fails elsewhere."""

import pytest
from support.given import a, cases, every_case, named

from contracts.events import OrderCreated, PaymentFail, ShipmentFail, StockFailed, StockRelease, StockReserved
from inventory.reactions import Reservation, release, reserve
from saga.event import Event

STOCK = {"apple": 5}

RESERVED = Reservation(status="RESERVED", product_id="apple", quantity=5)
TOO_FEW = Reservation(status="OUT_OF_STOCK", product_id="apple", quantity=6, reason="6 wanted, 5 available")
UNKNOWN = Reservation(status="OUT_OF_STOCK", product_id="pear", quantity=1, reason="unknown product")
WHY = a(ShipmentFail).reason  # that of any other sample, too
GIVEN_BACK = Reservation(status="RELEASED", product_id="apple", quantity=5, reason=WHY)
NEVER_RESERVED = Reservation(status="RELEASED", reason=WHY)

# fmt: off
TABLE = [
    # given           when it hears                                        then it is      and tells
    (None,            a(OrderCreated, product_id="apple", quantity=5),     RESERVED,       StockReserved),
    (None,            a(OrderCreated, product_id="apple", quantity=6),     TOO_FEW,        StockFailed),
    (None,            a(OrderCreated, product_id="pear", quantity=1),      UNKNOWN,        StockFailed),
    (None,            a(PaymentFail),                                      NEVER_RESERVED, StockRelease),
    (None,            a(ShipmentFail),                                     NEVER_RESERVED, StockRelease),
    (RESERVED,        a(PaymentFail),                                      GIVEN_BACK,     StockRelease),
    (RESERVED,        a(ShipmentFail),                                     GIVEN_BACK,     StockRelease),
    (TOO_FEW,         a(PaymentFail),                                      TOO_FEW,        StockRelease),
    (TOO_FEW,         a(ShipmentFail),                                     TOO_FEW,        StockRelease),
    (GIVEN_BACK,      a(PaymentFail),                                      GIVEN_BACK,     StockRelease),
    (GIVEN_BACK,      a(ShipmentFail),                                     GIVEN_BACK,     StockRelease),
    (NEVER_RESERVED,  a(PaymentFail),                                      NEVER_RESERVED, StockRelease),
    (NEVER_RESERVED,  a(ShipmentFail),                                     NEVER_RESERVED, StockRelease),
    # released before it was to be reserved: it never is
    (NEVER_RESERVED,  a(OrderCreated),                                     NEVER_RESERVED, StockRelease),
    # these three can't be, as the kernel lets OrderCreated through once: even so, nothing is reserved
    (GIVEN_BACK,      a(OrderCreated),                                     GIVEN_BACK,     StockRelease),
    (TOO_FEW,         a(OrderCreated),                                     TOO_FEW,        StockRelease),
    (RESERVED,        a(OrderCreated),                                     RESERVED,       StockRelease),
]

GIVES_BACK = [
    # given           StockRelease's product and quantity    units kept from the stock
    (RESERVED,        (None, 0),                             5),
    (TOO_FEW,         (None, 0),                             0),
    (GIVEN_BACK,      ("apple", 5),                          0),
    (NEVER_RESERVED,  (None, 0),                             0),
]
# fmt: on


@pytest.mark.parametrize(("given", "when", "then", "tells"), TABLE, ids=named)
def test_inventory(given: Reservation | None, when: Event, then: Reservation, tells: type[Event]) -> None:
    match when:
        case OrderCreated():
            assert reserve(when, given, available=STOCK.get) == (then, tells)
        case PaymentFail() | ShipmentFail():
            assert release(when, given) == (then, tells)


@pytest.mark.parametrize(("given", "released", "held"), GIVES_BACK, ids=named)
def test_what_a_reservation_gives_back(given: Reservation, released: tuple[str | None, int], held: int) -> None:
    assert (given.released_product_id, given.released_quantity) == released
    assert given.held == held


def test_the_stock_is_read_only_to_reserve() -> None:
    def available(product_id: str) -> int:
        raise AssertionError(product_id)

    assert reserve(a(OrderCreated), NEVER_RESERVED, available) == (NEVER_RESERVED, StockRelease)


def test_the_table_is_complete() -> None:
    assert cases(TABLE) == every_case(Reservation, reserve, release)
