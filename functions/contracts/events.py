"""Every event of the saga: its fields, and the one service that tells it.

A service that tells a fact keeps each of the fact's fields in its State,
as a field or a property of the same Python name: that is where the fact is filled in from, the first time and whenever
it is told again. (`amount` of PaymentCancel is called `refunded` in Python, because what was charged has that name.)
"""

from msgspec import field

from contracts.values import Amount, AmountOrZero, ProductId, Quantity, QuantityOrZero, Reason
from saga.event import Event


class OrderCreated(Event, frozen=True):
    source = "saga.order"
    opens = True
    product_id: ProductId
    quantity: Quantity
    amount: Amount


class OrderFailed(Event, frozen=True):
    source = "saga.order"
    reason: Reason


class OrderExpired(Event, frozen=True):
    """The order stayed open past its deadline; shipping decides what becomes of it."""

    source = "saga.order"


class OrderCancelled(Event, frozen=True):
    """The customer wants the order back; shipping decides if it can still be stopped."""

    source = "saga.order"


class PaymentOK(Event, frozen=True):
    source = "saga.payment"
    amount: Amount


class PaymentFail(Event, frozen=True):
    source = "saga.payment"
    amount: Amount
    reason: Reason


class PaymentCancel(Event, frozen=True):
    """The amount is what was given back: 0 if nothing had been charged. The reason is that of the step that failed."""

    source = "saga.payment"
    refunded: AmountOrZero = field(name="amount")
    reason: Reason | None = None


class StockReserved(Event, frozen=True):
    source = "saga.inventory"
    product_id: ProductId
    quantity: Quantity


class StockFailed(Event, frozen=True):
    source = "saga.inventory"
    product_id: ProductId
    quantity: Quantity
    reason: Reason


class StockRelease(Event, frozen=True):
    """Product and quantity are what was given back: none and 0 if nothing had been reserved.

    The reason is that of the step that failed.
    """

    source = "saga.inventory"
    released_product_id: ProductId | None = field(name="productId")
    released_quantity: QuantityOrZero = field(name="quantity")
    reason: Reason | None = None


class ShipmentOK(Event, frozen=True):
    source = "saga.shipping"


class ShipmentFail(Event, frozen=True):
    source = "saga.shipping"
    reason: Reason


EVENTS = {event.name: event for event in Event.__subclasses__()}
"""Each event by its `detail-type`."""
