"""The audit: do orders, money and stock balance? Read from the services' own tables, whatever their events say."""

from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

from contracts.events import OrderFailed
from inventory.reactions import Reservation
from saga.event import Timestamp
from saga.serialization import from_builtins
from sagactl.design import choreography
from sagactl.stack import entries, shop
from sagactl.stack.deployed_stack import Stack
from sagactl.stack.journal import Summary

READERS = 8  # orders that are read at the same time
WATCHDOG_LATE = timedelta(minutes=2)  # two runs
UNDER_WAY = timedelta(minutes=1)  # what was told so lately may not have been heard yet

# What was done to an order, by service: all of it if the order is COMPLETED, and none of it if it is FAILED.
_DONE = {"payment": "CHARGED", "inventory": "RESERVED", "shipping": "SHIPPED"}


def audit_deployed(stack: Stack, orders: Iterable[Summary]) -> list[str]:
    """Returns a line for each problem of orders that others may still be working on.

    An open order is none, unless the watchdog is late with it. Of stock, only that it is not negative is known.
    """
    problems = []
    with ThreadPoolExecutor(READERS) as pool:
        for found in pool.map(lambda order: list(_audit_told(stack, order)), orders):
            problems += found
    for product_id, units in shop.available(stack).items():
        if units < 0:
            problems.append(f"{product_id}: {units} available")
    return problems


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


def _audit_told(stack: Stack, order: Summary) -> Iterator[str]:
    """Compares one order's states with each other, and with what the journal says was told."""
    found = entries.states(stack, order.order_id)
    state = found["order"]
    now = datetime.now(UTC)
    if state is None:
        if order.last_told_at < Timestamp.of(now - UNDER_WAY):
            yield from _audit_unknown(order.order_id, found)
        return
    if state.due_at and state.due_at < Timestamp.of(now - WATCHDOG_LATE):
        yield f"{order.order_id}: {state.status}, and since {state.due_at} the watchdog has not asked about it"
    if state.is_open:
        return
    yield from _audit_order(order.order_id, found)
    is_told = OrderFailed.name in order.events
    if is_told and state.status != "FAILED":
        yield f"{order.order_id}: OrderFailed was told, but it is {state.status}"
    is_over = order.last_told_at < Timestamp.of(now - UNDER_WAY)
    if state.status == "FAILED" and is_over and not is_told:
        yield f"{order.order_id}: it is FAILED, but the journal has no OrderFailed"


def _audit_unknown(order_id: str, found: dict[str, Any]) -> Iterator[str]:
    """The order service has not heard of the order: then no service may have done anything for it."""
    done = [act for service, act in _DONE.items() if found[service] and found[service].status == act]
    if done:
        yield f"{order_id}: {' and '.join(done)}, but the order service does not know it"


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
