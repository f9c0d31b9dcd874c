"""Inventory owns the stock and what orders reserve of it. It hears of new orders, and of steps that failed."""

from collections.abc import Callable
from typing import Literal

from msgspec.structs import replace

from contracts.events import OrderCreated, PaymentFail, ShipmentFail, StockFailed, StockRelease, StockReserved
from saga.ledger import State


class Reservation(State, frozen=True):
    """Units of one product; without a product if the order failed before inventory heard of it.

    `reason` is why they could not be reserved, or why they were released.
    """

    status: Literal["RESERVED", "OUT_OF_STOCK", "RELEASED"]
    product_id: str | None = None
    quantity: int = 0
    reason: str | None = None

    @property
    def held(self) -> int:
        """Units taken from the stock: reserved, or shipped by now."""
        return self.quantity if self.status == "RESERVED" else 0

    @property
    def released_product_id(self) -> str | None:
        return self.product_id if self.status == "RELEASED" else None

    @property
    def released_quantity(self) -> int:
        return self.quantity if self.status == "RELEASED" else 0


def reserve(
    event: OrderCreated, reservation: Reservation | None, available: Callable[[str], int | None]
) -> tuple[Reservation, type[StockReserved | StockFailed | StockRelease]]:
    """Takes the units from the stock, unless the order failed first.

    `available` looks up how many units of a product there are; None if the product is unknown.
    """
    if reservation:
        return reservation, StockRelease
    wanted = Reservation(status="RESERVED", product_id=event.product_id, quantity=event.quantity)
    if reason := refuse(event.quantity, available(event.product_id)):
        return replace(wanted, status="OUT_OF_STOCK", reason=reason), StockFailed
    return wanted, StockReserved


def release(
    event: PaymentFail | ShipmentFail, reservation: Reservation | None
) -> tuple[Reservation, type[StockRelease]]:
    """Gives the units back. An order that inventory has not heard of yet is marked, so that it never takes any."""
    if reservation is None:
        return Reservation(status="RELEASED", reason=event.reason), StockRelease
    if reservation.status == "RESERVED":
        return replace(reservation, status="RELEASED", reason=event.reason), StockRelease
    return reservation, StockRelease


def refuse(quantity: int, available: int | None) -> str | None:
    """Returns why the units can't be reserved, or None."""
    if available is None:
        return "unknown product"
    if quantity > available:
        return f"{quantity} wanted, {available} available"
    return None
