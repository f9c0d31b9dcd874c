"""The ways that an order can go. An order goes one of them by its amount and quantity, or because it is cancelled."""

from typing import Any, NamedTuple

from sagactl.design.template import TEMPLATE

PRODUCT = "item-001"
UNITS = 500
"""Units of the product that are in stock, where nothing else is said."""
PAYMENT_LIMIT = int(TEMPLATE["Parameters"]["PaymentLimit"]["Default"])
SHIPPING_CAPACITY = int(TEMPLATE["Parameters"]["ShippingCapacity"]["Default"])

FEW = 2
CHEAP = 1000
TOO_DEAR = PAYMENT_LIMIT + 1
TOO_LARGE = SHIPPING_CAPACITY + 1


class Way(NamedTuple):
    """An order that goes this way, and its status in the end; whether its customer wants it back in time."""

    title: str
    quantity: int
    amount: int
    ends: str = "FAILED"
    is_cancelled: bool = False

    @property
    def wanted(self) -> dict[str, Any]:
        """The order as the API takes it."""
        return {"productId": PRODUCT, "quantity": self.quantity, "amount": self.amount}


def all_ways(units: int = UNITS) -> dict[str, Way]:
    """Returns the ways by name, for as many units in stock, which must be more than shipping's capacity."""
    too_many = units + 1
    return {
        "completed": Way("All goes well", FEW, CHEAP, ends="COMPLETED"),
        "payment_failed": Way("Payment is declined", FEW, TOO_DEAR),
        "stock_failed": Way("Out of stock", too_many, CHEAP),
        "shipment_failed": Way("Shipment is refused", TOO_LARGE, CHEAP),
        "payment_and_stock_failed": Way("Payment and stock both fail", too_many, TOO_DEAR),
        "cancelled": Way("The customer cancels", FEW, CHEAP, is_cancelled=True),
    }
