"""What order tells without hearing an event: that a client placed an order, and that one stayed open too long."""

from msgspec import Struct

from contracts.events import OrderCreated, OrderExpired
from contracts.values import Amount, ProductId, Quantity
from saga.event import Metadata, OrderId, Timestamp


class PlaceOrder(Struct, frozen=True, rename="camel"):
    """What a client wants."""

    product_id: ProductId
    quantity: Quantity
    amount: Amount


def create(order_id: OrderId, wanted: PlaceOrder, at: Timestamp) -> OrderCreated:
    return OrderCreated(order_id, wanted.product_id, wanted.quantity, wanted.amount, timestamp=at)


def expire(order_id: OrderId, deadline: Timestamp) -> OrderExpired:
    """Decided by the deadline, not by the run that tells it: telling it again says the same."""
    return OrderExpired(order_id, timestamp=deadline, metadata=Metadata())
