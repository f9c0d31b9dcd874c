"""One order's story: the events that the journal wrote down, and the state that each service recorded."""

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from contracts.events import EVENTS, OrderCreated, OrderFailed, PaymentCancel, StockRelease
from order.reactions import Order
from saga.event import Timestamp
from saga.ledger import Entry
from saga.serialization import Refused, parse, to_json
from sagactl.design import choreography
from sagactl.errors import SagaError
from sagactl.stack import entries, ids, journal
from sagactl.stack.deployed_stack import Stack
from sagactl.stack.journal import Summary, Told


@dataclass(frozen=True)
class Wait:
    """Something that has not happened yet, and since when it could have."""

    what: str
    since: str


@dataclass(frozen=True)
class Story:
    """One order: every event told about it, and each service's entry, None where the service has none."""

    order_id: str
    timeline: list[Told]
    entries: dict[str, Entry[Any] | None]

    @property
    def status(self) -> str:
        entry = self.entries["order"]
        return entry.state.status if entry else "PENDING"

    @property
    def opened_at(self) -> str:
        recorded = [entry.opened_at for entry in self.entries.values() if entry]
        return min([*(told.at for told in self.timeline[:1]), *recorded])

    @property
    def waits(self) -> list[Wait]:
        """What an open order waits for; nothing if it is closed."""
        if self.status in choreography.closed():
            return []
        return [*_unheard(self), *_untold(self)] or [*_missing(self)]


def read(stack: Stack, order: str) -> Story:
    """Reads the story of an order, given its ID or the first characters of it. Raises SagaError if it is not known."""
    order_id = ids.order_id_of(stack, order)
    with ThreadPoolExecutor(1) as pool:
        timeline = pool.submit(journal.timeline, stack, order_id)
        story = Story(order_id, entries=entries.entries(stack, order_id), timeline=timeline.result())
    if not story.timeline and not any(story.entries.values()):
        raise SagaError(f"There is no order {order_id}", "List the orders: saga orders")
    return story


def failures(order: Summary) -> list[str]:
    """Returns the names of the events that say why an order fails, the first told first."""
    closing = {event.name for event in choreography.ends()}
    known = [name for name in order.events if name in EVENTS and name not in closing]
    why = [name for name in known if choreography.kind_of(name) == "failure"]
    return sorted(why, key=lambda name: order.events[name])


def awaited(order: Summary) -> list[str]:
    """Returns the events that an open order waits for, as far as the journal knows."""
    if order.status in choreography.closed():
        return []
    if order.status == "FAILING":
        return _to_settle(order) or [OrderFailed.name]
    return _to_go_on(order)


def _to_settle(order: Summary) -> list[str]:
    settling = [_settling(source) for source in (PaymentCancel.source, StockRelease.source)]
    return [" or ".join(names) for names in settling if not any(name in order.events for name in names)]


def _to_go_on(order: Summary) -> list[str]:
    """Progress that follows from what was told, and not from other progress that is still to come."""
    after = choreography.leads_to()
    reached = {OrderCreated} | {EVENTS[name] for name in order.events if name in EVENTS}
    following = set().union(*(after[event] for event in reached)) - reached
    coming = [
        event for event in EVENTS.values() if event in following and choreography.kind_of(event.name) == "progress"
    ]
    return [event.name for event in coming if not any(event in after[other] for other in coming)]


def _settling(source: str) -> list[str]:
    """Returns the events by which the service that has this source settles its part of a failing order."""
    heard = choreography.hears_of("order")
    return [event.name for event in heard if event.source == source and choreography.kind_of(event.name) != "progress"]


def fields(story: Story) -> dict[str, Any]:
    """Returns the story as JSON has it."""
    now = Timestamp.now()
    return {
        "orderId": story.order_id,
        "status": story.status,
        "openedAt": story.opened_at,
        "events": [_event(told, story) for told in story.timeline],
        "states": {service: _state(entry) for service, entry in story.entries.items()},
        "waits": [vars(wait) | {"sinceMs": journal.milliseconds(wait.since, now)} for wait in story.waits],
    }


def sequence(story: Story) -> str:
    """Returns a sequence diagram in Mermaid's language."""
    tellers = (_word(told.teller) for told in story.timeline)
    participants = dict.fromkeys([*choreography.services(), *tellers])
    lines = ["sequenceDiagram"]
    lines += [f"    participant {name}" for name in participants]
    for told in story.timeline:
        lines += [f"    {message}" for message in _messages(told)]
    lines.append(f"    Note over order: {story.status}")
    return "\n".join(lines)


def _messages(told: Told) -> list[str]:
    """An arrow to each service that hears the event, or a note if none does."""
    teller = _word(told.teller)
    said = _word(told.name)
    if told.is_repeat:
        said += " (again)"
    hearers = [service for service in choreography.heard_by(told.name, told.source) if service != teller]
    return [f"{teller}->>{hearer}: {said}" for hearer in hearers] or [f"Note over {teller}: {said}"]


def _event(told: Told, story: Story) -> dict[str, Any]:
    return {
        "name": told.name,
        "kind": choreography.kind_of(told.name),
        "toldBy": told.teller,
        "toldAt": told.told_at,
        "arrivedAt": told.arrived_at,
        "eventId": told.event_id,
        "causeId": told.cause_id,
        "cause": cause_of(told, story),
        "sinceFirstMs": told.since_first_ms,
        "sinceCauseMs": told.since_cause_ms,
        "heardBy": choreography.heard_by(told.name, told.source),
        "isRepeat": told.is_repeat,
        "detail": told.detail,
    }


def cause_of(told: Told, story: Story) -> str | None:
    """Returns the name of the event that led to it, if the journal has that."""
    return next((cause.name for cause in story.timeline if cause.event_id == told.cause_id), None)


def _unheard(story: Story) -> Iterator[Wait]:
    """Events that were told, and that a service which hears them has not recorded."""
    first = {told.name: told for told in story.timeline if not told.is_repeat}
    for service, entry in story.entries.items():
        for event in choreography.hears_of(service):
            told = first.get(event.name)
            if told and told.source == event.source and not (entry and _has_heard(entry, told)):
                yield Wait(f"{service} has not heard {told.name}", told.arrived_at)


def _has_heard(entry: Entry[Any], told: Told) -> bool:
    """Whether the service has heard the event. The order service records it only if it changes the order."""
    if told.name in entry.heard:
        return True
    if not isinstance(entry.state, Order):
        return False
    return not _would_change(entry.state, told)


def _would_change(order: Order, told: Told) -> bool:
    try:
        event = parse(told.detail, EVENTS[told.name])
    except Refused:
        return False
    reactions = [step.function for step in choreography.steps() if step.heard is type(event) and step.state is Order]
    return any(react(event, order) != (order, None) for react in reactions)


def _untold(story: Story) -> Iterator[Wait]:
    """Facts that a service recorded as told, and that have not reached the journal."""
    names = {told.name for told in story.timeline}
    for service, entry in story.entries.items():
        decided = dict(entry.told) if entry else {}
        if entry and service == "order" and OrderCreated.name in entry.heard:
            decided[OrderCreated.name] = entry.opened_at
        for name, at in decided.items():
            if name not in names:
                yield Wait(f"{name}, which {service} decided, has not reached the journal", at)


def _missing(story: Story) -> Iterator[Wait]:
    """What else must be told to close the order, once all that was told is heard."""
    since = story.timeline[-1].arrived_at if story.timeline else story.opened_at
    order = story.entries["order"]
    if order and order.state.status == "FAILING":
        return _unsettled(order.state, since)
    return _unshipped(story.entries["shipping"], since)


def _unsettled(order: Order, since: str) -> Iterator[Wait]:
    """What the order service must hear to fail the order."""
    settled = {PaymentCancel.source: order.payment_settled, StockRelease.source: order.stock_settled}
    for source, is_settled in settled.items():
        if not is_settled:
            yield Wait(f"nobody has told {' or '.join(_settling(source))}", since)


def _unshipped(shipment: Entry[Any] | None, since: str) -> Iterator[Wait]:
    """What the shipping service must hear to ship the order."""
    heard = shipment.heard if shipment else {}
    needed = {event.name for event in choreography.hears_of("shipping") if event.source != OrderCreated.source}
    for name in sorted(needed - heard.keys()):
        yield Wait(f"nobody has told {name}", since)


def _state(entry: Entry[Any] | None) -> dict[str, Any] | None:
    if entry is None:
        return None
    state: dict[str, Any] = json.loads(to_json(entry.state))
    return state


def _word(text: str) -> str:
    """A name that Mermaid takes for nothing else."""
    return re.sub(r"[^A-Za-z0-9.-]", "_", text) or "_"
