"""One order's whole story, from what the journal wrote down and what the services recorded."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from contracts.events import OrderCreated, ShipmentOK
from order.reactions import Order
from saga.event import Timestamp
from saga.ledger import Entry
from saga.serialization import to_builtins
from sagactl.design import choreography
from sagactl.errors import SagaError
from sagactl.stack import books, journal, shop
from sagactl.stack.deployed import Stack
from sagactl.stack.journal import Told


@dataclass(frozen=True)
class Wait:
    """What has not happened yet, and since when it could."""

    what: str
    since: str


@dataclass(frozen=True)
class Story:
    """One order: every event that was told of it, and what each service has recorded, None where nothing."""

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
        """For an open order, what keeps it from being closed."""
        if self.status in shop.CLOSED:
            return []
        return [*_unheard(self), *_untold(self)] or [*_missing(self)]


def read(stack: Stack, order: str) -> Story:
    """Raises SagaError if nobody knows the order."""
    order_id = order_id_in(order)
    with ThreadPoolExecutor(1) as pool:
        timeline = pool.submit(journal.timeline, stack, order_id)
        story = Story(order_id, entries=books.entries(stack, order_id), timeline=timeline.result())
    if not story.timeline and not any(story.entries.values()):
        raise SagaError(f"Nobody knows of an order {order_id}", "See which there are: saga orders")
    return story


def order_id_in(text: str) -> str:
    """The id as it is written everywhere. Raises SagaError if it is none."""
    try:
        return str(UUID(text))
    except ValueError:
        raise SagaError(f"{text!r} is no order's id", "See which there are: saga orders") from None


def fields(story: Story) -> dict[str, Any]:
    """The story as JSON has it."""
    states = {service: entry and to_builtins(entry.state) for service, entry in story.entries.items()}
    return {
        "orderId": story.order_id,
        "status": story.status,
        "openedAt": story.opened_at,
        "events": [_event(told, story) for told in story.timeline],
        "states": {service: state and _jsonable(state) for service, state in states.items()},
        "waits": [vars(wait) | {"sinceMs": journal.milliseconds(wait.since, Timestamp.now())} for wait in story.waits],
    }


def sequence(story: Story) -> str:
    """A sequence diagram in Mermaid's language."""
    names = list(dict.fromkeys([*choreography.services(), *(_word(told.teller) for told in story.timeline)]))
    lines = ["sequenceDiagram", *(f"    participant {name}" for name in names)]
    for told in story.timeline:
        teller, said = _word(told.teller), f"{_word(told.name)}{' (again)' if told.is_repeat else ''}"
        hearers = [service for service in choreography.heard_by(told.name, told.source) if service != teller]
        lines += [f"    {teller}->>{hearer}: {said}" for hearer in hearers]
        if not hearers:
            lines.append(f"    Note over {teller}: {said}")
    return "\n".join([*lines, f"    Note over order: {story.status}"])


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
    return next((cause.name for cause in story.timeline if cause.event_id == told.cause_id), None)


def _unheard(story: Story) -> Iterator[Wait]:
    """Events that were told, and that a service has not recorded as heard."""
    first = {told.name: told for told in story.timeline if not told.is_repeat}
    for service, entry in story.entries.items():
        for event in choreography.hears_of(service):
            told = first.get(event.name)
            if told and told.source == event.source and not (entry and _has_heard(entry, told)):
                yield Wait(f"{service} has not heard {told.name}", told.arrived_at)


def _has_heard(entry: Entry[Any], told: Told) -> bool:
    """An order that fails already records an event only if that settles something."""
    order = entry.state
    if told.name in entry.heard or not isinstance(order, Order) or order.status == "PENDING":
        return told.name in entry.heard
    settled = {"payment": order.payment_settled, "inventory": order.stock_settled, "order": True}
    return settled.get(told.teller, told.name != ShipmentOK.name)


def _untold(story: Story) -> Iterator[Wait]:
    """Facts that were decided and recorded, and that have not reached the journal."""
    names = {told.name for told in story.timeline}
    for service, entry in story.entries.items():
        decided = dict(entry.told) if entry else {}
        if entry and service == "order" and OrderCreated.name in entry.heard:
            decided[OrderCreated.name] = entry.opened_at
        for name, at in decided.items():
            if name not in names:
                yield Wait(f"{name}, which {service} decided, has not reached the journal", at)


def _missing(story: Story) -> Iterator[Wait]:
    """All that was told is heard: what else must be told to close the order."""
    order, shipment = story.entries["order"], story.entries["shipping"]
    since = story.timeline[-1].arrived_at if story.timeline else story.opened_at
    if order and order.state.status == "FAILING":
        settled = {"saga.payment": order.state.payment_settled, "saga.inventory": order.state.stock_settled}
        for source in (source for source, done in settled.items() if not done):
            names = [event.name for event in choreography.hears_of("order") if event.source == source]
            yield Wait(f"nobody has told {' or '.join(names)}", since)
        return
    asked = {event for event in choreography.hears_of("shipping") if event.source != OrderCreated.source}
    for name in sorted(event.name for event in asked if not (shipment and event.name in shipment.heard)):
        yield Wait(f"nobody has told {name}", since)


def _jsonable(state: dict[str, Any]) -> dict[str, Any]:
    """Amounts are Decimal, exact as floats."""
    return {name: float(value) if name == "amount" else value for name, value in state.items()}


def _word(text: str) -> str:
    """A name that can't be anything else in Mermaid's language."""
    return re.sub(r"[^A-Za-z0-9.-]", "_", text) or "_"
