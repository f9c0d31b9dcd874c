"""Order owns an order's status. It hears what the other services did, and closes the order."""

from typing import Literal

from msgspec.structs import replace

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
from saga.event import Event, Timestamp
from saga.ledger import State

OPEN_SHARDS = 4

type Failure = PaymentFail | PaymentCancel | StockFailed | StockRelease | ShipmentFail


class Order(State, frozen=True):
    """What has become of an order so far.

    Product, quantity and amount are unknown if another event was heard before OrderCreated.
    `open_shard` and `due_at` are set until all is done: the order is COMPLETED, or FAILED and its OrderFailed known to
    be on the bus. The index by which the watchdog finds it has them as its key. The reactions set the shard and unset
    both; the time is set by due.py, and moved on by the watchdog.
    """

    status: Literal["PENDING", "FAILING", "COMPLETED", "FAILED"]
    open_shard: int | None = None
    due_at: Timestamp | None = None
    product_id: str | None = None
    quantity: int | None = None
    amount: Amount | None = None
    payment_settled: bool = False
    stock_settled: bool = False
    cancelled_at: Timestamp | None = None  # when the customer asked for it, whether or not it came in time
    reason: str | None = None

    @property
    def is_open(self) -> bool:
        """Neither COMPLETED nor FAILED."""
        return self.status in ("PENDING", "FAILING")

    @property
    def milestone(self) -> str | None:
        match self.status:
            case "PENDING":
                return "SagasStarted"
            case "COMPLETED":
                return "SagasCompleted"
            case "FAILED":
                return "SagasCancelled" if self.reason == CANCELLED else "SagasFailed"
        return None


def place(event: OrderCreated, order: Order | None) -> tuple[Order, None]:
    """Opens the order, or fills in the details of one that is known from another event."""
    details = {"product_id": event.product_id, "quantity": event.quantity, "amount": event.amount}
    return replace(order or opened(event), **details), None


def notice(event: PaymentOK | StockReserved, order: Order | None) -> tuple[Order, None]:
    """Opens an order whose OrderCreated was lost on the way here: what was charged or reserved is watched."""
    return order or opened(event), None


def cancel(event: OrderCancelled, order: Order | None) -> tuple[Order, None]:
    """Notes that the customer wants the order back. Shipping, which hears this too, decides."""
    order = order or opened(event)
    if not order.is_open:
        return order, None
    return replace(order, cancelled_at=event.timestamp), None


def complete(event: ShipmentOK, order: Order | None) -> tuple[Order, None]:
    """Closes the order: it is paid for, reserved and shipped."""
    order = order or opened(event)
    if not order.is_open:
        return order, None
    return replace(order, status="COMPLETED", open_shard=None, due_at=None), None


def fail(event: ShipmentFail, order: Order | None) -> tuple[Order, None]:
    """Waits for payment and inventory, which hear ShipmentFail too, to give back what they took."""
    order, _ = settle(event, order)
    return order, None


def settle_payment(event: PaymentFail | PaymentCancel, order: Order | None) -> tuple[Order, type[OrderFailed] | None]:
    return settle(event, order, payment_settled=True)


def settle_stock(event: StockFailed | StockRelease, order: Order | None) -> tuple[Order, type[OrderFailed] | None]:
    return settle(event, order, stock_settled=True)


def settle(event: Failure, order: Order | None, **settled: bool) -> tuple[Order, type[OrderFailed] | None]:
    """Fails the order once payment and stock are both settled: nothing is charged or reserved any more."""
    order = order or opened(event)
    if not order.is_open:
        return order, None
    reason = order.reason or event.reason  # the first reason stays
    order = replace(order, status="FAILING", reason=reason, **settled)
    if not (order.payment_settled and order.stock_settled):
        return order, None
    return replace(order, status="FAILED", reason=reason or "a step failed"), OrderFailed


def conclude(event: OrderFailed, order: Order | None) -> tuple[Order, None]:
    """Is done with a failed order now that its OrderFailed, which comes back here, is known to be on the bus."""
    order = order or opened(event)
    if order.status != "FAILED":
        return order, None
    return replace(order, open_shard=None, due_at=None), None


def insist(event: OrderExpired, order: Order | None) -> tuple[Order, type[OrderFailed] | None]:
    """Tells OrderFailed again if it never came back. Of an open order, shipping decides."""
    order = order or opened(event)
    if order.status == "FAILED" and order.open_shard is not None:
        return order, OrderFailed
    return order, None


def opened(event: Event) -> Order:
    return Order(status="PENDING", open_shard=event.order_id.int % OPEN_SHARDS)
