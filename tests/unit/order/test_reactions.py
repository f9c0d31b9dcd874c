"""Order follows an order until it is COMPLETED, or FAILED once payment and stock are both settled."""

import pytest
from msgspec.structs import replace
from support.given import ORDER_ID, REASON, a, cases, every_case, named

from contracts.events import (
    OrderCreated,
    OrderFailed,
    PaymentCancel,
    PaymentFail,
    ShipmentFail,
    ShipmentOK,
    StockFailed,
    StockRelease,
)
from contracts.values import Amount
from order.reactions import Order, complete, fail, place, settle_payment, settle_stock
from saga.event import Event

SHARD = ORDER_ID.int % 4
CREATED = a(OrderCreated, product_id="apple", quantity=2, amount=Amount("49.9"))

PENDING = Order(status="PENDING", open_shard=SHARD, product_id="apple", quantity=2, amount=Amount("49.9"))
FAILING = replace(PENDING, status="FAILING", reason=REASON)
PAYMENT_SETTLED = replace(FAILING, payment_settled=True)
STOCK_SETTLED = replace(FAILING, stock_settled=True)
COMPLETED = replace(PENDING, status="COMPLETED", open_shard=None)
FAILED = replace(FAILING, status="FAILED", open_shard=None, payment_settled=True, stock_settled=True)


def unplaced(order: Order) -> Order:
    """The order as it is known before OrderCreated is heard."""
    return replace(order, product_id=None, quantity=None, amount=None)


def no_reason(order: Order) -> Order:
    return replace(order, reason=None)


# fmt: off
TABLE = [
    # given                      when it hears       then it is                             and tells
    (None,                       CREATED,            PENDING,                               None),
    (None,                       a(ShipmentOK),      unplaced(COMPLETED),                   None),
    (None,                       a(ShipmentFail),    unplaced(FAILING),                     None),
    (None,                       a(PaymentFail),     unplaced(PAYMENT_SETTLED),             None),
    (None,                       a(PaymentCancel),   unplaced(no_reason(PAYMENT_SETTLED)),  None),
    (None,                       a(StockFailed),     unplaced(STOCK_SETTLED),               None),
    (None,                       a(StockRelease),    unplaced(no_reason(STOCK_SETTLED)),    None),

    (PENDING,                    CREATED,            PENDING,                               None),
    (PENDING,                    a(ShipmentOK),      COMPLETED,                             None),
    (PENDING,                    a(ShipmentFail),    FAILING,                               None),
    (PENDING,                    a(PaymentFail),     PAYMENT_SETTLED,                       None),
    (PENDING,                    a(PaymentCancel),   no_reason(PAYMENT_SETTLED),            None),
    (PENDING,                    a(StockFailed),     STOCK_SETTLED,                         None),
    (PENDING,                    a(StockRelease),    no_reason(STOCK_SETTLED),              None),

    (FAILING,                    a(ShipmentOK),      replace(COMPLETED, reason=REASON),     None),
    (FAILING,                    a(ShipmentFail),    FAILING,                               None),
    (FAILING,                    a(PaymentFail),     PAYMENT_SETTLED,                       None),
    (FAILING,                    a(PaymentCancel),   PAYMENT_SETTLED,                       None),
    (FAILING,                    a(StockFailed),     STOCK_SETTLED,                         None),
    (FAILING,                    a(StockRelease),    STOCK_SETTLED,                         None),
    # the first reason heard stays
    (FAILING,                    a(ShipmentFail, reason="a later one"),  FAILING,           None),
    # one of the two is not enough
    (PAYMENT_SETTLED,            a(PaymentCancel),   PAYMENT_SETTLED,                       None),
    (PAYMENT_SETTLED,            a(ShipmentFail),    PAYMENT_SETTLED,                       None),
    (STOCK_SETTLED,              a(StockRelease),    STOCK_SETTLED,                         None),
    (STOCK_SETTLED,              a(ShipmentFail),    STOCK_SETTLED,                         None),
    # both are settled
    (PAYMENT_SETTLED,            a(StockFailed),     FAILED,                                OrderFailed),
    (PAYMENT_SETTLED,            a(StockRelease),    FAILED,                                OrderFailed),
    (STOCK_SETTLED,              a(PaymentFail),     FAILED,                                OrderFailed),
    (STOCK_SETTLED,              a(PaymentCancel),   FAILED,                                OrderFailed),
    (no_reason(STOCK_SETTLED),   a(PaymentCancel),   replace(FAILED, reason="a step failed"),  OrderFailed),
    (unplaced(PAYMENT_SETTLED),  a(StockRelease),    unplaced(FAILED),                      OrderFailed),

    # heard of before it was placed: the details are filled in, and nothing else
    (unplaced(FAILING),          CREATED,            FAILING,                               None),
    (unplaced(PAYMENT_SETTLED),  CREATED,            PAYMENT_SETTLED,                       None),
    (unplaced(STOCK_SETTLED),    CREATED,            STOCK_SETTLED,                         None),
    (unplaced(COMPLETED),        CREATED,            COMPLETED,                             None),
    (unplaced(FAILED),           CREATED,            FAILED,                                None),

    # closed never reopens, and never changes otherwise
    (COMPLETED,                  a(ShipmentOK),      COMPLETED,                             None),
    (COMPLETED,                  a(ShipmentFail),    COMPLETED,                             None),
    (COMPLETED,                  a(PaymentFail),     COMPLETED,                             None),
    (COMPLETED,                  a(PaymentCancel),   COMPLETED,                             None),
    (COMPLETED,                  a(StockFailed),     COMPLETED,                             None),
    (COMPLETED,                  a(StockRelease),    COMPLETED,                             None),
    (FAILED,                     a(ShipmentOK),      FAILED,                                None),
    (FAILED,                     a(ShipmentFail),    FAILED,                                None),
    (FAILED,                     a(PaymentFail),     FAILED,                                None),
    (FAILED,                     a(PaymentCancel),   FAILED,                                None),
    (FAILED,                     a(StockFailed),     FAILED,                                None),
    (FAILED,                     a(StockRelease),    FAILED,                                None),
]
# fmt: on


@pytest.mark.parametrize(("given", "when", "then", "tells"), TABLE, ids=named)
def test_order(given: Order | None, when: Event, then: Order, tells: type[Event] | None) -> None:
    match when:
        case OrderCreated():
            assert place(when, given) == (then, tells)
        case ShipmentOK():
            assert complete(when, given) == (then, tells)
        case ShipmentFail():
            assert fail(when, given) == (then, tells)
        case PaymentFail() | PaymentCancel():
            assert settle_payment(when, given) == (then, tells)
        case StockFailed() | StockRelease():
            assert settle_stock(when, given) == (then, tells)


def test_the_table_is_complete() -> None:
    assert cases(TABLE) == every_case(Order, place, complete, fail, settle_payment, settle_stock)


def test_an_order_is_in_the_index_of_open_orders_as_long_as_it_is_open() -> None:
    before = [given for given, *_ in TABLE if given]
    after = [then for _, _, then, _ in TABLE]
    orders = before + after
    assert {order.status for order in orders if order.open_shard is not None} == {"PENDING", "FAILING"}
    assert {order.status for order in orders if order.open_shard is None} == {"COMPLETED", "FAILED"}
