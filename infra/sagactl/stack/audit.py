"""The audit: do money and stock balance? Read from the services' own tables, whatever their events say."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from inventory.reactions import Reservation
from saga.serialization import from_builtins
from sagactl.design import choreography
from sagactl.stack import entries, shop
from sagactl.stack.deployed_stack import Stack

# What was done to an order, by service: all of it if the order is COMPLETED, and none of it if it is FAILED.
_DONE = {"payment": "CHARGED", "inventory": "RESERVED", "shipping": "SHIPPED"}


def audit(stack: Stack, order_ids: Iterable[str], stocked: dict[str, int]) -> list[str]:
    """Returns a line for each problem: an open order, money or goods that do not match, stock other than `stocked`."""
    problems: list[str] = []
    for order_id in order_ids:
        problems += _audit_order(order_id, entries.states(stack, order_id))
    found = stock(stack)
    for product_id in sorted(found.keys() | stocked.keys()):
        units = found.get(product_id, 0)
        expected = stocked.get(product_id, 0)
        if units != expected:
            problems.append(f"{product_id}: {units} available or held, {expected} stocked")
    return problems


def stock(stack: Stack) -> dict[str, int]:
    """Returns the units of each product, available or held by an order: only restocking may change the sum."""
    units = Counter[str | None](shop.available(stack))
    for item in stack.items("scan", TableName=stack.table("inventory")):
        reservation = from_builtins(item, Reservation)
        units[reservation.product_id] += reservation.held
    return {product_id: held for product_id, held in units.items() if product_id}


def _audit_order(order_id: str, found: dict[str, Any]) -> Iterator[str]:
    status = {service: state and state.status for service, state in found.items()}
    if status["order"] not in choreography.closed():
        yield f"{order_id}: still {status['order']}"
        return
    done = {service for service, act in _DONE.items() if status[service] == act}
    expected = set(_DONE) if status["order"] == "COMPLETED" else set()
    if done != expected:
        yield f"{order_id}: {status}"
    elif done:
        yield from _audit_amounts(order_id, found)


def _audit_amounts(order_id: str, found: dict[str, Any]) -> Iterator[str]:
    """What was done must be what was ordered."""
    order = found["order"]
    ordered = f"{order.quantity} {order.product_id} for {order.amount}"
    done = f"{found['inventory'].held} {found['inventory'].product_id} for {found['payment'].amount}"
    if done != ordered:
        yield f"{order_id}: {ordered} ordered, {done} done"
