"""Payment owns what an order is charged. It hears of new orders, and of steps that failed."""

from decimal import Decimal
from typing import Literal

from msgspec.structs import replace

from contracts.events import OrderCreated, PaymentCancel, PaymentFail, PaymentOK, ShipmentFail, StockFailed
from contracts.values import Amount, AmountOrZero
from saga.ledger import State


class Payment(State, frozen=True):
    """`amount` is what was charged or declined; None if the order was cancelled before payment heard of it.

    `reason` is why it was declined or cancelled.
    """

    status: Literal["CHARGED", "DECLINED", "CANCELLED"]
    amount: Amount | None = None
    reason: str | None = None

    @property
    def refunded(self) -> AmountOrZero:
        """The amount in PaymentCancel: what was given back."""
        if self.status == "CANCELLED" and self.amount is not None:
            return AmountOrZero(self.amount)
        return AmountOrZero(0)


def charge(
    event: OrderCreated, payment: Payment | None, limit: Decimal
) -> tuple[Payment, type[PaymentOK | PaymentFail | PaymentCancel]]:
    """Charges the order, unless it was cancelled first."""
    if payment:
        return payment, PaymentCancel
    if reason := decline(event.amount, limit):
        return Payment(status="DECLINED", amount=event.amount, reason=reason), PaymentFail
    return Payment(status="CHARGED", amount=event.amount), PaymentOK


def cancel(event: StockFailed | ShipmentFail, payment: Payment | None) -> tuple[Payment, type[PaymentCancel]]:
    """Refunds what was charged. An order that payment has not heard of yet is marked, so that it is never charged."""
    if payment is None:
        return Payment(status="CANCELLED", reason=event.reason), PaymentCancel
    if payment.status == "CHARGED":
        return replace(payment, status="CANCELLED", reason=event.reason), PaymentCancel
    return payment, PaymentCancel


def decline(amount: Decimal, limit: Decimal) -> str | None:
    """Returns why the payment is declined, or None. A real provider is asked to authorise the amount here."""
    if amount > limit:
        return f"amount {amount} is over the limit of {limit}"
    return None
