"""The books: do money and stock balance? Read from the services' own tables, not from what anyone says."""

from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

from inventory.reactions import Reservation
from order.reactions import Order
from payment.reactions import Payment
from saga.dynamodb import DynamoLedger, unmarshal
from saga.ledger import Entry, State
from saga.serialization import from_builtins
from sagactl.stack import shop
from sagactl.stack.deployed import Stack
from shipping.reactions import Shipment

_STATES: dict[str, type[State]] = {"order": Order, "payment": Payment, "inventory": Reservation, "shipping": Shipment}
_ACTS = {"payment": "CHARGED", "inventory": "RESERVED", "shipping": "SHIPPED"}  # all of them, or none


def audit(stack: Stack, order_ids: Iterable[str], stocked: dict[str, int]) -> list[str]:
    """What is wrong, a line each: orders still open, money or goods astray, stock other than `stocked`."""
    problems = [problem for order_id in order_ids for problem in _audit_order(order_id, states(stack, order_id))]
    found = stock(stack)
    for product_id in sorted(found.keys() | stocked.keys()):
        units, expected = found.get(product_id, 0), stocked.get(product_id, 0)
        if units != expected:
            problems.append(f"{product_id}: {units} available or held, {expected} stocked")
    return problems


def stock(stack: Stack) -> dict[str, int]:
    """Units by product, available or held by an order: only restocking may change the sum."""
    units: Counter[str | None] = Counter(shop.available(stack))
    pages = stack.client("dynamodb").get_paginator("scan").paginate(TableName=stack.table("inventory"))
    for item in (item for page in pages for item in page["Items"]):
        reservation = from_builtins(unmarshal(item), Reservation)
        units[reservation.product_id] += reservation.held
    return {product_id: held for product_id, held in units.items() if product_id}


def states(stack: Stack, order_id: str) -> dict[str, Any]:
    """What each service has recorded of the order, by service; None where it never heard of it."""
    return {service: entry and entry.state for service, entry in entries(stack, order_id).items()}


def state_of(stack: Stack, service: str, order_id: str) -> Any:
    """The State of the service's reactions, or None."""
    entry = entry_of(stack, service, order_id)
    return entry and entry.state


def entries(stack: Stack, order_id: str) -> dict[str, Entry[Any] | None]:
    """What each service has recorded of the order and how it came about, by service."""
    with ThreadPoolExecutor(len(_STATES)) as pool:
        return dict(zip(_STATES, pool.map(lambda service: entry_of(stack, service, order_id), _STATES), strict=True))


def entry_of(stack: Stack, service: str, order_id: str) -> Entry[Any] | None:
    return DynamoLedger(stack.client("dynamodb"), stack.table(service), _STATES[service]).recall(UUID(order_id))


def _audit_order(order_id: str, found: dict[str, Any]) -> Iterator[str]:
    status = {service: state.status if state else None for service, state in found.items()}
    done = {service for service, act in _ACTS.items() if status[service] == act}
    order, payment, reservation = found["order"], found["payment"], found["inventory"]
    if status["order"] not in shop.CLOSED:
        yield f"{order_id}: still {status['order']}"
    elif done != (_ACTS.keys() if status["order"] == "COMPLETED" else set()):
        yield f"{order_id}: {status}"
    elif done:
        ordered = f"{order.quantity} {order.product_id} for {order.amount}"
        if (did := f"{reservation.held} {reservation.product_id} for {payment.amount}") != ordered:
            yield f"{order_id}: {ordered} ordered, {did} done"
