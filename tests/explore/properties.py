"""What always holds of a saga, whatever happened: in each state, in each change, and when nothing is left to happen."""

import json
from functools import cache
from typing import Any

from explore.world import ORDER_IDS, SERVICES, Delivery, World, service_of

from contracts.events import OrderCreated
from contracts.values import CANCELLED
from sagactl.design import choreography

type Entries = tuple[bytes | None, ...]  # by order, then service

CLOSED = set(choreography.closed())
# How a status may change; a service not named here may do as it likes. No act is ever done twice.
_MAY_BECOME: dict[str, dict[str | None, set[str]]] = {
    "order": {
        None: {"PENDING", "FAILING", "COMPLETED", "FAILED"},
        "PENDING": {"FAILING", "COMPLETED", "FAILED"},
        "FAILING": {"FAILED"},
    },
    "payment": {None: {"CHARGED", "DECLINED", "CANCELLED"}, "CHARGED": {"CANCELLED"}},
    "inventory": {None: {"RESERVED", "OUT_OF_STOCK", "RELEASED"}, "RESERVED": {"RELEASED"}},
    "shipping": {None: {"WAITING", "SHIPPED", "FAILED"}, "WAITING": {"SHIPPED", "FAILED"}},
}
# What a service holds of an order is in this status, and the order service gets to know it by this event.
_HELD = {
    "payment": ("CHARGED", "PaymentOK"),
    "inventory": ("RESERVED", "StockReserved"),
    "shipping": ("SHIPPED", "ShipmentOK"),
}
_FACTS_MAX = {"order": 1, "payment": 2, "inventory": 2, "shipping": 1}  # with OrderCreated, seven an order
_SAYS_WHY = {
    "PaymentFail": "payment",
    "PaymentCancel": "payment",
    "StockFailed": "inventory",
    "StockRelease": "inventory",
    "ShipmentFail": "shipping",
}
_STOPS = {CANCELLED: "OrderCancelled", "the order expired": "OrderExpired"}  # shipping's reason, and the event for it


def problem(world: World, entries: Entries, stock: int, failures_told: frozenset[int]) -> str | None:
    """Safety: what is wrong in this state. `failures_told` are the orders of which OrderFailed was told."""
    held = 0
    for order in range(world.orders):
        own = entries[order * len(SERVICES) : (order + 1) * len(SERVICES)]
        if wrong := problem_of_order(world, order, own, is_told=order in failures_told):
            return wrong
        held += _held(own)
    if stock < 0 or stock + held != world.stocked:
        return f"{stock} available and {held} held of {world.stocked}"
    return None


@cache
def problem_of_order(world: World, order: int, entries: Entries, *, is_told: bool) -> str | None:
    """Safety: what is wrong with this order, of which these are the entries alone."""
    at = {service: status(entries, 0, service) for service in SERVICES}
    if at["order"] == "COMPLETED" and is_due(world, entries, 0):
        return "a completed order is still due"
    versions = [world.created(order, version) for version in range(world.versions)]
    return (
        _problem_of_acts(at, is_told=is_told)
        or _problem_of_versions(versions, entries, is_said=not world.updating)
        or _problem_of_reasons(entries, is_always_said=not world.updating)
        or _problem_of_telling(entries)
    )


@cache
def _held(entries: Entries) -> int:
    reservation = state_of(entries, 0, "inventory")
    return int(reservation["quantity"]) if reservation.get("status") == "RESERVED" else 0


def _problem_of_acts(at: dict[str, str | None], *, is_told: bool) -> str | None:
    done = (at["payment"] == "CHARGED", at["inventory"] == "RESERVED", at["shipping"] == "SHIPPED")
    if done[2] and not (done[0] and done[1]):
        return f"shipped, but {at}"
    if at["order"] == "COMPLETED" and not done[2]:
        return f"completed, but {at}"
    if at["order"] == "FAILED" and any(done):
        return f"failed, but {at}"
    if is_told and at["order"] != "FAILED":
        return f"OrderFailed was told, but {at}"
    return None


def _problem_of_versions(versions: list[OrderCreated], entries: Entries, *, is_said: bool) -> str | None:
    """What was charged and reserved is what one OrderCreated says, and each service knows which one it was.

    Without `is_said`, it need not know: the last release did not.
    """
    if len({version.answers for version in versions}) < len(versions):
        return "two versions of the order have the same fingerprint"
    unsaid: set[None] = set() if is_said else {None}
    payment = state_of(entries, 0, "payment")
    inventory = state_of(entries, 0, "inventory")
    paid = {version.answers for version in versions if version.amount == payment.get("amount")}
    taken = {version.answers for version in versions if version.quantity == inventory.get("quantity")}
    if "amount" in payment and payment.get("answers") not in paid | unsaid:
        return f"{payment['amount']} charged, as no version of the order says that payment answers"
    if "productId" in inventory and inventory.get("answers") not in taken | unsaid:
        return f"{inventory['quantity']} reserved, as no version of the order says that inventory answers"
    return _problem_of_shipment(entries, paid & taken, unsaid)


def _problem_of_shipment(entries: Entries, versions: set[str | None], unsaid: set[None]) -> str | None:
    """What is shipped was charged and reserved as one of these versions, and all three services know as which."""
    payment, inventory, shipping = (state_of(entries, 0, service) for service in ("payment", "inventory", "shipping"))
    if shipping.get("status") != "SHIPPED":
        return None
    if not versions or shipping["quantity"] != inventory["quantity"]:
        return "shipped, but charged for another version of the order than reserved"
    if len({known.get("answers") for known in (payment, inventory, shipping)} - unsaid) > 1:
        return "shipped as another version of the order than charged and reserved"
    return None


def _problem_of_reasons(entries: Entries, *, is_always_said: bool) -> str | None:
    """An order says why it failed: as a service says that it heard of, which failed itself or undid something.

    Without `is_always_said`, it need not know: the last release does not say why something was undone.
    """
    shipping = state_of(entries, 0, "shipping")
    stopped_by = _STOPS.get(shipping.get("reason", ""))
    if stopped_by and stopped_by not in heard_of(entries, 0, "shipping"):
        return f"shipping says that {shipping['reason']}, and never heard {stopped_by}"
    own = state_of(entries, 0, "order")
    if own.get("status") != "FAILED":
        return None
    said = [_SAYS_WHY[name] for name in heard_of(entries, 0, "order") if name in _SAYS_WHY]
    reasons = {state_of(entries, 0, service).get("reason") for service in said}
    if not is_always_said:
        reasons.add("a step failed")
    if own.get("reason") not in reasons:
        return f"the order says that {own.get('reason')}, and no service that it heard of does"
    return None


def _problem_of_telling(entries: Entries) -> str | None:
    """No service tells of more than it can have done and undone."""
    for service, facts_max in _FACTS_MAX.items():
        entry = entry_at(entries, 0, service)
        told = set(read(entry)["told"]) if entry else set()
        if len(told) > facts_max:
            return f"{service} told {' and '.join(sorted(told))}"
    return None


def problem_of_change(service: str, before: bytes | None, after: bytes | None) -> str | None:
    """Safety: nothing is done twice, and what is closed stays so."""
    was = _status(before)
    becomes = _status(after)
    if was != becomes and service in _MAY_BECOME and becomes not in _MAY_BECOME[service].get(was, ()):
        return f"{service} went from {was} to {becomes}"
    return None


def problem_at_rest(
    world: World,
    entries: Entries,
    failures_told: frozenset[int],
    given_up: frozenset[Delivery],
    *,
    is_accepted: bool,
) -> str | None:
    """Liveness: when nothing more happens, every order is closed, and who listens for OrderFailed heard it.

    `given_up` is what the dead-letter queue has now. If it has what the last release did not tell OrderFailed for,
    redriving it does. `is_accepted` if nothing befell whoever asked for a cancellation.
    """
    for order in range(world.orders):
        at = status(entries, order, "order")
        left = {(service_of(one), one.fact.name) for one in given_up if one.fact.order_id == ORDER_IDS[order]}
        is_redriven = world.updating and "order" in {service for service, _ in left}
        if at is None:
            if wrong := problem_of_unseen(entries, order, given_up):
                return wrong
        elif at not in CLOSED:
            return f"the order stays {at}"
        elif at == "FAILED" and order not in failures_told and not is_redriven:
            return "the order failed, but OrderFailed was never told"
        elif is_due(world, entries, order):
            return f"the order is {at}, and the watchdog will ask about it for ever"
        elif is_accepted and is_deaf_to_cancelling(entries, order) and ("shipping", "OrderCancelled") not in left:
            return "the order was cancelled, and shipping, which was never told, shipped it"
    return None


def is_deaf_to_cancelling(entries: Entries, order: int) -> bool:
    """Whether the order was shipped although the order service knows that it is cancelled, and shipping does not."""
    is_shipped = status(entries, order, "shipping") == "SHIPPED"
    is_known = "OrderCancelled" in heard_of(entries, order, "order")
    return is_shipped and is_known and "OrderCancelled" not in heard_of(entries, order, "shipping")


def problem_of_unseen(entries: Entries, order: int, given_up: frozenset[Delivery]) -> str | None:
    """The order service does not know the order only while the dead-letter queue has what says so.

    A service then holds nothing of it either, unless that queue has the very fact that says so, too, or the event for
    which the service was about to tell it. An order that no service has heard of is none: its client got no answer.
    """
    if not any(entry_at(entries, order, service) for service in SERVICES):
        return None
    of_order = [delivery for delivery in given_up if delivery.fact.order_id == ORDER_IDS[order]]
    unheard = {delivery.fact.name for delivery in of_order if service_of(delivery) == "order"}
    if "OrderCreated" not in unheard:
        return "the order is not known"
    for service, (held, told) in _HELD.items():
        heard = heard_of(entries, order, service)
        untold = {heard[one.fact.name][1] for one in of_order if one.service == service and one.fact.name in heard}
        if status(entries, order, service) == held and told not in unheard | untold:
            return f"the order is {held}, and the order service does not know it"
    return None


def entry_at(entries: Entries, order: int, service: str) -> bytes | None:
    return entries[order * len(SERVICES) + SERVICES.index(service)]


def status(entries: Entries, order: int, service: str) -> str | None:
    return _status(entry_at(entries, order, service))


def _status(entry: bytes | None) -> str | None:
    return read(entry)["state"]["status"] if entry else None


def state_of(entries: Entries, order: int, service: str) -> dict[str, Any]:
    entry = entry_at(entries, order, service)
    state: dict[str, Any] = read(entry)["state"] if entry else {}
    return state


def heard_of(entries: Entries, order: int, service: str) -> dict[str, Any]:
    entry = entry_at(entries, order, service)
    heard: dict[str, Any] = read(entry)["heard"] if entry else {}
    return heard


def is_due(world: World, entries: Entries, order: int) -> bool:
    """Whether the order has a due time. While updating, it has to be in the index: old code may keep what it was."""
    if world.updating:
        return is_open(entry_at(entries, order, "order"))
    return "dueAt" in state_of(entries, order, "order")


def is_open(entry: bytes | None) -> bool:
    """As the watchdog sees it: whether the order is in the index of open orders."""
    return entry is not None and {"openShard", "dueAt"} <= read(entry)["state"].keys()


@cache
def read(entry: bytes) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(entry)
    return fields
