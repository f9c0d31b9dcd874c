"""Order follows an order until it is COMPLETED, or FAILED once payment and stock are both settled."""

from typing import Any

import pytest
from msgspec.structs import replace
from support.given import AT, ORDER_ID, REASON, a, cases, every_case, named

from contracts.events import (
    OrderCancelled,
    OrderCreated,
    OrderExpired,
    OrderFailed,
    PaymentCancel,
    PaymentFail,
    PaymentOK,
    ShipmentFail,
    ShipmentOK,
    StockFailed,
    StockRelease,
    StockReserved,
)
from contracts.values import CANCELLED, Amount
from order.reactions import (
    Order,
    cancel,
    complete,
    conclude,
    fail,
    insist,
    notice,
    place,
    settle_payment,
    settle_stock,
)
from saga.event import Event
from saga.reaction import hears

CANCEL_BY_HAND = a(PaymentCancel, reason=None)
RELEASE_BY_HAND = a(StockRelease, reason=None)
SHARD = ORDER_ID.int % 4
CREATED = a(OrderCreated, product_id="apple", quantity=2, amount=Amount("49.9"))

PENDING = Order(status="PENDING", open_shard=SHARD, product_id="apple", quantity=2, amount=Amount("49.9"))
FAILING = replace(PENDING, status="FAILING", reason=REASON)
PAYMENT_SETTLED = replace(FAILING, payment_settled=True)
STOCK_SETTLED = replace(FAILING, stock_settled=True)
COMPLETED = replace(PENDING, status="COMPLETED", open_shard=None)
UNTOLD = replace(FAILING, status="FAILED", payment_settled=True, stock_settled=True)
FAILED = replace(UNTOLD, open_shard=None)


def unplaced(order: Order) -> Order:
    """The order as it is known before OrderCreated is heard."""
    return replace(order, product_id=None, quantity=None, amount=None)


def asked_back(order: Order) -> Order:
    return replace(order, cancelled_at=AT)


def no_reason(order: Order) -> Order:
    return replace(order, reason=None)


# fmt: off
TABLE = [
    # given                      when it hears       then it is                             and tells
    (None,                       CREATED,            PENDING,                               None),
    (None,                       a(ShipmentOK),      unplaced(COMPLETED),                   None),
    (None,                       a(ShipmentFail),    unplaced(FAILING),                     None),
    (None,                       a(PaymentFail),     unplaced(PAYMENT_SETTLED),             None),
    (None,                       a(PaymentCancel),   unplaced(PAYMENT_SETTLED),             None),
    (None,                       a(StockFailed),     unplaced(STOCK_SETTLED),               None),
    (None,                       a(StockRelease),    unplaced(STOCK_SETTLED),               None),

    (PENDING,                    CREATED,            PENDING,                               None),
    (PENDING,                    a(ShipmentOK),      COMPLETED,                             None),
    (PENDING,                    a(ShipmentFail),    FAILING,                               None),
    (PENDING,                    a(PaymentFail),     PAYMENT_SETTLED,                       None),
    (PENDING,                    a(PaymentCancel),   PAYMENT_SETTLED,                       None),
    (PENDING,                    a(StockFailed),     STOCK_SETTLED,                         None),
    (PENDING,                    a(StockRelease),    STOCK_SETTLED,                         None),
    # what is put by hand may have no reason
    (PENDING,                    CANCEL_BY_HAND,     no_reason(PAYMENT_SETTLED),            None),
    (PENDING,                    RELEASE_BY_HAND,    no_reason(STOCK_SETTLED),              None),

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
    (PAYMENT_SETTLED,            a(StockFailed),     UNTOLD,                                OrderFailed),
    (PAYMENT_SETTLED,            a(StockRelease),    UNTOLD,                                OrderFailed),
    (STOCK_SETTLED,              a(PaymentFail),     UNTOLD,                                OrderFailed),
    (STOCK_SETTLED,              a(PaymentCancel),   UNTOLD,                                OrderFailed),
    (no_reason(STOCK_SETTLED),   CANCEL_BY_HAND,     replace(UNTOLD, reason="a step failed"),  OrderFailed),
    (unplaced(PAYMENT_SETTLED),  a(StockRelease),    unplaced(UNTOLD),                      OrderFailed),

    # heard of before it was placed: the details are filled in, and nothing else
    (unplaced(FAILING),          CREATED,            FAILING,                               None),
    (unplaced(PAYMENT_SETTLED),  CREATED,            PAYMENT_SETTLED,                       None),
    (unplaced(STOCK_SETTLED),    CREATED,            STOCK_SETTLED,                         None),
    (unplaced(COMPLETED),        CREATED,            COMPLETED,                             None),
    (unplaced(FAILED),           CREATED,            FAILED,                                None),

    # something was charged or reserved: that is watched, even if OrderCreated was lost
    (None,                       a(PaymentOK),       unplaced(PENDING),                     None),
    (None,                       a(StockReserved),   unplaced(PENDING),                     None),
    (PENDING,                    a(PaymentOK),       PENDING,                               None),
    (PENDING,                    a(StockReserved),   PENDING,                               None),
    (FAILING,                    a(PaymentOK),       FAILING,                               None),
    (FAILING,                    a(StockReserved),   FAILING,                               None),
    # the customer wants it back: that is noted, and shipping decides
    (None,                       a(OrderCancelled),  asked_back(unplaced(PENDING)),         None),
    (PENDING,                    a(OrderCancelled),  asked_back(PENDING),                   None),
    (FAILING,                    a(OrderCancelled),  asked_back(FAILING),                   None),
    # FAILED is watched until its OrderFailed comes back, and tells it again if that takes too long
    (UNTOLD,                     a(OrderFailed),     FAILED,                                None),
    (UNTOLD,                     a(OrderExpired),    UNTOLD,                                OrderFailed),
    (FAILED,                     a(OrderFailed),     FAILED,                                None),
    (FAILED,                     a(OrderExpired),    FAILED,                                None),
    (None,                       a(OrderFailed),     unplaced(PENDING),                     None),
    (None,                       a(OrderExpired),    unplaced(PENDING),                     None),
    (PENDING,                    a(OrderFailed),     PENDING,                               None),
    (PENDING,                    a(OrderExpired),    PENDING,                               None),
    (FAILING,                    a(OrderFailed),     FAILING,                               None),
    (FAILING,                    a(OrderExpired),    FAILING,                               None),

    # closed never reopens, and never changes otherwise
    (COMPLETED,                  a(ShipmentOK),      COMPLETED,                             None),
    (COMPLETED,                  a(ShipmentFail),    COMPLETED,                             None),
    (COMPLETED,                  a(PaymentFail),     COMPLETED,                             None),
    (COMPLETED,                  a(PaymentCancel),   COMPLETED,                             None),
    (COMPLETED,                  a(StockFailed),     COMPLETED,                             None),
    (COMPLETED,                  a(StockRelease),    COMPLETED,                             None),
    (COMPLETED,                  a(PaymentOK),       COMPLETED,                             None),
    (COMPLETED,                  a(StockReserved),   COMPLETED,                             None),
    (COMPLETED,                  a(OrderCancelled),  COMPLETED,                             None),
    (COMPLETED,                  a(OrderFailed),     COMPLETED,                             None),
    (COMPLETED,                  a(OrderExpired),    COMPLETED,                             None),
    (FAILED,                     a(PaymentOK),       FAILED,                                None),
    (FAILED,                     a(StockReserved),   FAILED,                                None),
    (FAILED,                     a(OrderCancelled),  FAILED,                                None),
    (UNTOLD,                     a(StockRelease),    UNTOLD,                                None),
    (FAILED,                     a(ShipmentOK),      FAILED,                                None),
    (FAILED,                     a(ShipmentFail),    FAILED,                                None),
    (FAILED,                     a(PaymentFail),     FAILED,                                None),
    (FAILED,                     a(PaymentCancel),   FAILED,                                None),
    (FAILED,                     a(StockFailed),     FAILED,                                None),
    (FAILED,                     a(StockRelease),    FAILED,                                None),
]
# fmt: on


REACTIONS: tuple[Any, ...] = (place, notice, cancel, complete, fail, settle_payment, settle_stock, conclude, insist)


@pytest.mark.parametrize(("given", "when", "then", "tells"), TABLE, ids=named)
def test_order(given: Order | None, when: Event, then: Order, tells: type[Event] | None) -> None:
    [react] = [reaction for reaction in REACTIONS if type(when) in hears(reaction)]
    assert react(when, given) == (then, tells)


def test_the_table_is_complete() -> None:
    assert cases(TABLE) == every_case(Order, *REACTIONS)


def test_an_order_is_watched_until_all_is_done() -> None:
    orders = [given for given, *_ in TABLE if given] + [then for _, _, then, _ in TABLE]
    watched = {order.status for order in orders if order.open_shard is not None}
    assert watched == {"PENDING", "FAILING", "FAILED"}
    assert {order.status for order in orders if order.open_shard is None} == {"COMPLETED", "FAILED"}


@pytest.mark.parametrize(
    ("react", "event", "order"), [(complete, ShipmentOK, PENDING), (conclude, OrderFailed, UNTOLD)]
)
def test_an_order_is_due_no_more_once_all_is_done(react: Any, event: type[Event], order: Order) -> None:
    done, _ = react(a(event), replace(order, due_at=AT))
    assert (done.open_shard, done.due_at) == (None, None)


@pytest.mark.parametrize(
    ("order", "metric"),
    [
        (PENDING, "SagasStarted"),
        (FAILING, None),
        (COMPLETED, "SagasCompleted"),
        (FAILED, "SagasFailed"),
        (replace(FAILED, reason=CANCELLED), "SagasCancelled"),
    ],
    ids=named,
)
def test_an_order_is_counted_by_what_became_of_it(order: Order, metric: str | None) -> None:
    assert order.milestone == metric
