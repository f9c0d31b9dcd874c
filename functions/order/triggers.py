"""What order tells without hearing an event first.

A client placed an order or cancelled it, or an order stayed open too long.
"""

from msgspec import Struct

from contracts.events import OrderCancelled, OrderCreated, OrderExpired
from contracts.values import Amount, ProductId, Quantity
from saga.event import Metadata, OrderId, Timestamp


class PlaceOrder(Struct, frozen=True, rename="camel"):
    """The body of POST /orders."""

    product_id: ProductId
    quantity: Quantity
    amount: Amount


def create(order_id: OrderId, wanted: PlaceOrder, at: Timestamp) -> OrderCreated:
    return OrderCreated(order_id, wanted.product_id, wanted.quantity, wanted.amount, timestamp=at)


def cancel(order_id: OrderId, at: Timestamp) -> OrderCancelled:
    return OrderCancelled(order_id, timestamp=at)


def expire(order_id: OrderId, deadline: Timestamp) -> OrderExpired:
    """`deadline` is the timestamp, whenever the watchdog runs: so the same fact is told each time."""
    return OrderExpired(order_id, timestamp=deadline, metadata=Metadata())
