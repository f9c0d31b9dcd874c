"""Inventory owns the stock and what orders reserve of it. It hears of new orders, and what failed after."""

from collections.abc import Callable
from typing import Literal

from msgspec.structs import replace

from contracts.events import OrderCreated, PaymentFail, ShipmentFail, StockFailed, StockRelease, StockReserved
from saga.ledger import State


class Reservation(State, frozen=True):
    """Units of one product; none was asked for if the reservation was released before it was made."""

    status: Literal["RESERVED", "OUT_OF_STOCK", "RELEASED"]
    product_id: str | None = None
    quantity: int = 0
    reason: str | None = None

    @property
    def held(self) -> int:
        """Units kept from the stock, in transit or shipped."""
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
    """Takes the units from the stock, unless they were released before: then they are never taken.

    `available` looks up the units of a product; None if it is not kept.
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
    """Gives the units back; an order not heard of yet is noted, so that nothing will be taken for it."""
    if reservation is None:
        return Reservation(status="RELEASED"), StockRelease
    if reservation.status == "RESERVED":
        return replace(reservation, status="RELEASED"), StockRelease
    return reservation, StockRelease


def refuse(quantity: int, available: int | None) -> str | None:
    """Why the units can't be reserved."""
    if available is None:
        return "unknown product"
    return f"{quantity} wanted, {available} available" if quantity > available else None
