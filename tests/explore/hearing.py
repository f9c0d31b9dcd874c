"""What always holds of one service hearing one event, whatever befalls it: clocks, reasons, amounts and hops."""

from datetime import datetime
from typing import Any
from uuid import UUID

from contracts.events import OrderCancelled, OrderCreated, OrderExpired, PaymentCancel, StockRelease
from saga.event import Event, Timestamp
from saga.ledger import Entry
from saga.serialization import to_builtins
from sagactl.design.template import TEMPLATE

type Entries = dict[UUID, Entry[Any]]

DEADLINE_SECONDS = int(TEMPLATE["Parameters"]["DeadlineSeconds"]["Default"])
_UNHEARD = (OrderCreated, OrderCancelled, OrderExpired)  # told without hearing an event first


def problem_of_hearing(
    before: Entries, after: Entries, told: list[Event], clocks: dict[UUID, Timestamp], hops: set[int]
) -> str | None:
    """Returns what a service must never do, if it did: `before` and `after` are its entries.

    `clocks` is what its clock said about each order, and `hops` how many a fact may have that is told for an event.
    """
    for order_id, entry in after.items():
        if wrong := problem_of_entry(before.get(order_id), entry, clocks[order_id]):
            return wrong
    for event in told:
        recorded = after.get(event.order_id)
        if recorded is None:
            continue  # what was told and not recorded, the saga suffers from soon enough
        if wrong := _problem_of_fact(event, before.get(event.order_id), recorded, hops):
            return f"{event.name} is told {wrong}"
    return None


def problem_of_entry(before: Entry[Any] | None, after: Entry[Any], now: Timestamp) -> str | None:
    opened_at = before.opened_at if before else now
    if after.opened_at != opened_at:
        return "an entry was not opened when its service first heard of the order"
    if wrong := _problem_of_due_time(before, after):
        return wrong
    return _problem_of_advance(before, after) if before else None


def _problem_of_advance(before: Entry[Any], after: Entry[Any]) -> str | None:
    if not (before.told.items() <= after.told.items() and before.heard.items() <= after.heard.items()):
        return "what was heard and told is not kept"
    if before.version == after.version and before.heard != after.heard:
        return "an entry changed, and its version did not"
    known = getattr(before.state, "reason", None)
    if known and known != after.state.reason:
        return f"the reason was {known}, and is {after.state.reason}"
    return None


def _problem_of_due_time(before: Entry[Any] | None, after: Entry[Any]) -> str | None:
    """An order is due at ages of 1, 2, 4, ... deadlines, and never again once it is over."""
    due_at = getattr(after.state, "due_at", None)
    if due_at is None or (before and before.state.due_at == due_at):
        return None
    if before and before.state.open_shard is None and before.state.status in ("COMPLETED", "FAILED"):
        return "an order that is over is due again"
    age = datetime.fromisoformat(due_at) - datetime.fromisoformat(after.opened_at)
    deadlines = age.total_seconds() / DEADLINE_SECONDS
    if deadlines not in (1, 2, 4, 8, 16):
        return f"an order is due after {deadlines} deadlines"
    return None


def _problem_of_fact(event: Event, before: Entry[Any] | None, entry: Entry[Any], hops: set[int]) -> str | None:
    metadata = event.metadata
    if metadata is None:
        return "without metadata"
    if isinstance(event, _UNHEARD):
        is_placed = (metadata.causation_id, metadata.hops) == (None, 0)
    else:
        is_placed = metadata.causation_id == "1" and metadata.hops in hops
    if not is_placed:
        return f"after {metadata.hops} hops because of {metadata.causation_id}"
    if not isinstance(event, OrderCreated | OrderExpired):
        answered_before = before.state.answers if before else None
        known = {entry.state.answers, answered_before}
        if metadata.answers not in known:
            return "as following from another version of the order"
    if event.timestamp != (_decided_at(event, entry) or event.timestamp):
        return f"as decided at {event.timestamp}"
    if not _is_true(event, entry.state):
        return "with other fields than were recorded"
    return None


def _decided_at(event: Event, entry: Entry[Any]) -> str | None:
    match event:
        case OrderCreated():
            return entry.opened_at
        case OrderCancelled():
            cancelled_at: str | None = entry.state.cancelled_at  # None if the last release dropped it
            return cancelled_at
        case OrderExpired():
            opened = datetime.fromisoformat(entry.opened_at).timestamp()
            return Timestamp.of(datetime.fromtimestamp(opened + DEADLINE_SECONDS).astimezone())
    return entry.told.get(event.name)


def _is_true(event: Event, state: Any) -> bool:
    """Whether the fact says what was done."""
    says = to_builtins(event)
    for name in ("productId", "quantity", "amount", "reason"):
        if name in says and says[name] != _done(event, state, name):
            return False
    return True


def _done(event: Event, state: Any, name: str) -> Any:
    """What the state says that was done; of what is given back, only that which was taken."""
    field = {"productId": "product_id"}.get(name, name)
    if isinstance(event, PaymentCancel) and name == "amount":
        charged = state.amount if state.status == "CANCELLED" else None
        return charged or 0
    if isinstance(event, StockRelease) and name != "reason" and state.status != "RELEASED":
        return 0 if name == "quantity" else None
    return getattr(state, field)
