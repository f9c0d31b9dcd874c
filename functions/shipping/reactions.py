"""Shipping is the pivot: it alone decides if an order ships, once it is both paid and reserved."""

from typing import Literal

from msgspec.structs import replace

from contracts.events import OrderCancelled, OrderExpired, PaymentOK, ShipmentFail, ShipmentOK, StockReserved
from contracts.values import CANCELLED
from saga.ledger import State


class Shipment(State, frozen=True):
    """WAITING until the order is both `paid` and reserved; `quantity` is None until it is reserved."""

    status: Literal["WAITING", "SHIPPED", "FAILED"]
    paid: bool = False
    quantity: int | None = None
    reason: str | None = None


def ship(
    event: PaymentOK | StockReserved, shipment: Shipment | None, capacity: int
) -> tuple[Shipment, type[ShipmentOK | ShipmentFail] | None]:
    """Decides once the order is both paid and reserved, in whichever order that is heard."""
    shipment = shipment or Shipment(status="WAITING")
    if shipment.status != "WAITING":
        return shipment, decided(shipment)
    if shipment.contradicts(event):
        return fail(shipment, "paid and reserved for different versions of the order")
    match event:
        case PaymentOK():
            shipment = replace(shipment, paid=True)
        case StockReserved():
            shipment = replace(shipment, quantity=event.quantity)
    if not shipment.paid or shipment.quantity is None:
        return shipment, None
    if reason := refuse(shipment.quantity, capacity):
        return fail(shipment, reason)
    return replace(shipment, status="SHIPPED"), ShipmentOK


def expire(event: OrderExpired, shipment: Shipment | None) -> tuple[Shipment, type[ShipmentOK | ShipmentFail]]:
    """Decides that an order that took too long does not ship, unless it already has."""
    return stop(shipment, "the order expired")


def cancel(event: OrderCancelled, shipment: Shipment | None) -> tuple[Shipment, type[ShipmentOK | ShipmentFail]]:
    """Decides that an order that its customer wants back does not ship, unless it already has."""
    return stop(shipment, CANCELLED)


def stop(shipment: Shipment | None, reason: str) -> tuple[Shipment, type[ShipmentOK | ShipmentFail]]:
    shipment = shipment or Shipment(status="WAITING")
    if shipment.status == "WAITING":
        return fail(shipment, reason)
    return shipment, decided(shipment)


def fail(shipment: Shipment, reason: str) -> tuple[Shipment, type[ShipmentFail]]:
    return replace(shipment, status="FAILED", reason=reason), ShipmentFail


def decided(shipment: Shipment) -> type[ShipmentOK | ShipmentFail]:
    return ShipmentOK if shipment.status == "SHIPPED" else ShipmentFail


def refuse(quantity: int, capacity: int) -> str | None:
    """Returns why the shipment is refused, or None. A real carrier is asked here."""
    if quantity > capacity:
        return f"quantity {quantity} is over the capacity of {capacity}"
    return None
