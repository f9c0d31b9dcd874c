"""The audit: do orders, money and stock balance? Read from the services' own tables, whatever their events say."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

from contracts.events import (
    OrderFailed,
    PaymentFail,
    PaymentOK,
    ShipmentFail,
    ShipmentOK,
    StockFailed,
    StockReserved,
)
from inventory.reactions import Reservation
from order.reactions import Order
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
_EITHER = (
    (PaymentOK, PaymentFail),
    (StockReserved, StockFailed),
    (ShipmentOK, ShipmentFail),
    (ShipmentOK, OrderFailed),
)


def audit_deployed(
    stack: Stack,
    orders: Iterable[Summary],
    shown: Callable[[Iterable[list[str]]], Iterable[list[str]]] = lambda done: done,
) -> list[str]:
    """Returns a line for each problem of orders that others may still be working on.

    An open order is none, unless the watchdog is late with it. Of stock, only that it is not negative is known.
    `shown` wraps the orders that are done, to show progress.
    """
    problems = []
    with ThreadPoolExecutor(READERS) as pool:
        for found in shown(pool.map(lambda order: list(_audit_told(stack, order)), orders)):
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
    is_quiet = order.last_told_at < Timestamp.of(now - UNDER_WAY)
    yield from _audit_events(order)
    if state is None:
        if is_quiet:
            yield from _audit_unknown(order.order_id, found)
    elif state.is_open:
        yield from _audit_watched(order.order_id, state, now)
        if is_quiet:
            yield from _audit_shipped(order.order_id, found)
    else:
        yield from _audit_order(order.order_id, found)
        yield from _audit_closed(order, state, now, is_quiet=is_quiet)


def _audit_events(order: Summary) -> Iterator[str]:
    """What a service decided once, it can't have decided otherwise as well."""
    for one, other in _EITHER:
        if {one.name, other.name} <= order.events.keys():
            yield f"{order.order_id}: both {one.name} and {other.name} were told"


def _audit_watched(order_id: str, state: Order, now: datetime) -> Iterator[str]:
    if state.due_at is None:
        yield f"{order_id}: {state.status}, and the watchdog does not know it"
    elif state.due_at < Timestamp.of(now - WATCHDOG_LATE):
        yield f"{order_id}: {state.status}, and since {state.due_at} the watchdog has not asked about it"


def _audit_shipped(order_id: str, found: dict[str, Any]) -> Iterator[str]:
    """An order ships only if it was charged and its stock reserved, and both stay so."""
    done = _done(found)
    if "shipping" in done and done != set(_DONE):
        yield f"{order_id}: SHIPPED, but {_said(found)}"


def _audit_closed(order: Summary, state: Order, now: datetime, *, is_quiet: bool) -> Iterator[str]:
    is_told = OrderFailed.name in order.events
    if is_told and state.status != "FAILED":
        yield f"{order.order_id}: OrderFailed was told, but it is {state.status}"
    if state.status != "FAILED":
        return
    if state.due_at:
        yield from _audit_watched(order.order_id, state, now)
    elif is_quiet and not is_told:
        yield f"{order.order_id}: it is FAILED, but the journal has no OrderFailed"


def _audit_unknown(order_id: str, found: dict[str, Any]) -> Iterator[str]:
    """The order service has not heard of the order: then no service may have done anything for it."""
    done = [_DONE[service] for service in _DONE if service in _done(found)]
    if done:
        yield f"{order_id}: {' and '.join(done)}, but the order service does not know it"


def _audit_order(order_id: str, found: dict[str, Any]) -> Iterator[str]:
    status = found["order"] and found["order"].status
    if status not in choreography.closed():
        yield f"{order_id}: still {status}"
        return
    done = _done(found)
    expected = set(_DONE) if status == "COMPLETED" else set()
    if done != expected:
        yield f"{order_id}: {_said(found)}"
    elif done:
        yield from _audit_amounts(order_id, found)


def _audit_amounts(order_id: str, found: dict[str, Any]) -> Iterator[str]:
    """What was done must be what was ordered, and done for one version of the order.

    An order whose OrderCreated never reached the order service has no details; what it was is in the other services.
    """
    answered = {found[service].answers for service in _DONE} - {None}
    if len(answered) > 1:
        yield f"{order_id}: done for {len(answered)} versions of the order"
    order = found["order"]
    ordered = f"{order.quantity} {order.product_id} for {order.amount}"
    done = f"{found['inventory'].held} {found['inventory'].product_id} for {found['payment'].amount}"
    if order.product_id is not None and done != ordered:
        yield f"{order_id}: {ordered} ordered, {done} done"


def _done(found: dict[str, Any]) -> set[str]:
    """Returns the services that did something for the order, and have not undone it."""
    return {service for service, act in _DONE.items() if found[service] and found[service].status == act}


def _said(found: dict[str, Any]) -> dict[str, str | None]:
    return {service: state and state.status for service, state in found.items()}
