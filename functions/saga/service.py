"""The shell around every service: hear an event, decide, record in one write, tell."""

import random
import time
import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, get_args, get_type_hints

from msgspec import Struct
from msgspec.structs import replace

from saga.bus import Bus
from saga.events import EVENTS, HOPS_MAX, Event, Metadata, Refused, Timestamp, parse, to_json
from saga.ledger import Conflict, Entry, Heard, Ledger, State
from saga.observe import count, log

ATTEMPTS = 10  # at recording one event while others write the same order or stock

type Reaction[S: State] = Callable[[Any, S | None], tuple[S, type[Event] | None]]


class Outcome[S: State](Struct, frozen=True):
    """What became of an event: the order's entry now, the name of the fact to tell, and if it is old news."""

    entry: Entry[S]
    told: str | None
    repeated: bool = False


class Service[S: State]:
    """Reactions over a ledger and a bus; it hears what their signatures say.

    `milestones` names the metric that counts the orders which reach a status.
    """

    def __init__(
        self,
        reactions: Iterable[Reaction[S]],
        ledger: Ledger[S],
        bus: Bus,
        milestones: Mapping[str, str] | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.reactions = {event.name: react for react in reactions for event in hears(react)}
        self.ledger, self.bus, self.milestones, self._pause = ledger, bus, milestones or {}, pause

    def hear(self, envelope: Mapping[str, Any]) -> None:
        """Handles an EventBridge event. Raises Refused, Conflict, NotTold or botocore's errors, for Lambda to retry."""
        try:
            event = self._read(envelope)
            outcome = self.learn(event, Timestamp.now())
            if outcome.told:
                hops = event.metadata.hops + 1 if event.metadata else 1
                if hops > HOPS_MAX:
                    count("Loops")  # who hears the fact refuses it
                self.bus.tell([fact(outcome.entry, outcome.told, Metadata(envelope.get("id"), hops))])
        except Exception as error:
            count("Refusals" if isinstance(error, Refused) else "Failures")
            log("ERROR", f"{type(error).__name__}: {error}", **_about(envelope))
            raise
        message, decided = "heard again" if outcome.repeated else "heard", outcome.entry.state.status
        told = outcome.told or "nothing"
        log("INFO", message, orderId=event.order_id, detailType=event.name, decided=decided, told=told)

    def learn(self, event: Event, at: Timestamp) -> Outcome[S]:
        """Decides what an event means and records it, unless that was done before. Tells nothing."""
        for attempt in range(ATTEMPTS):
            if attempt:
                self._pause(random.uniform(0, min(1, 0.02 * 2**attempt)))
            before = self.ledger.recall(event.order_id)
            if before and event.name in before.heard:
                return _again(event, before)
            state, told = self.reactions[event.name](event, before.state if before else None)
            if before and state == before.state and told is None:
                return Outcome(before, None)
            entry = _advance(before, event, state, told, at)
            try:
                self.ledger.record(entry, before)
            except Conflict:
                count("Conflicts")
                continue
            if state.status in self.milestones and state.status != (before and before.state.status):
                count(self.milestones[state.status])
            return Outcome(entry, told.name if told else None)
        raise Conflict(f"{ATTEMPTS} writes in a row came too late")

    def _read(self, envelope: Mapping[str, Any]) -> Event:
        name = str(envelope.get("detail-type"))
        if name not in self.reactions:
            raise Refused(["detail-type: no event that is heard here"])
        if envelope.get("source") != EVENTS[name].source:
            raise Refused([f"source: {name} is told by {EVENTS[name].source} alone"])
        return parse(envelope.get("detail"), EVENTS[name])


def hears(reaction: Reaction[Any]) -> tuple[type[Event], ...]:
    """The events in the first parameter of a reaction, or of the function a partial was made of."""
    heard = next(iter(get_type_hints(getattr(reaction, "func", reaction)).values()))
    return get_args(heard) or (heard,)


def fact(entry: Entry[Any], name: str, metadata: Metadata) -> Event:
    """The fact as the entry tells it, the first time and every time after.

    OrderCreated, which no reaction tells, was decided when the entry was opened.
    """
    given: Any = {"order_id": entry.order_id, "timestamp": entry.told.get(name, entry.opened_at), "metadata": metadata}
    own = {field: getattr(entry.state, field) for field in EVENTS[name].__struct_fields__ if field not in given}
    return EVENTS[name](**given, **own)


def _advance[S: State](
    before: Entry[S] | None, event: Event, state: S, told: type[Event] | None, at: Timestamp
) -> Entry[S]:
    heard = {event.name: Heard(_fingerprint(event), told.name if told else None)}
    tells = {told.name: at} if told else {}
    if before is None:
        return Entry(event.order_id, 1, at, state, heard, tells)
    return Entry(event.order_id, before.version + 1, before.opened_at, state, before.heard | heard, tells | before.told)


def _again[S: State](event: Event, entry: Entry[S]) -> Outcome[S]:
    heard = entry.heard[event.name]
    if heard.fingerprint != _fingerprint(event):
        count("Contradictions")
        log("WARN", "repeated with other fields: the first heard wins", orderId=event.order_id, detailType=event.name)
    return Outcome(entry, heard.told, repeated=True)


def _about(envelope: Mapping[str, Any]) -> dict[str, str]:
    """What could not be handled, in few letters and tame ones: it may be anything."""
    detail = envelope.get("detail")
    order_id = detail.get("orderId") if isinstance(detail, dict) else None
    return {"orderId": _printable(order_id), "detailType": _printable(envelope.get("detail-type"))}


def _printable(value: object) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in str(value)[:64])


def _fingerprint(event: Event) -> str:
    """Of the fields that say what happened; when it was told, and why, may differ."""
    return f"{zlib.crc32(to_json(replace(event, timestamp='', metadata=None))):08x}"
