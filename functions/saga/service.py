"""A service hears an event, decides, records in one write, and tells.

Each of the four services is a Service: its reactions are its own, and all else is here.
"""

import random
import time
import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import fields, replace

from saga.bus import Bus
from saga.event import HOPS_MAX, Event, Metadata, Timestamp
from saga.ledger import Conflict, Entry, Heard, Ledger, State
from saga.observe import count, logger
from saga.reaction import Reaction, hears, tells
from saga.serialization import Refused, parse, to_json

ATTEMPTS = 10  # at recording one event while others write the same order or stock


class Outcome[S: State](Struct, frozen=True):
    """What became of an event: the order's entry now, the name of the fact to tell, and if it was heard before."""

    entry: Entry[S]
    told: str | None
    repeated: bool = False


class Service[S: State]:
    """Reactions over a ledger and a bus; it hears and tells what their signatures say.

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
        self.reactions: dict[str, Reaction[S]] = {}
        self.hears: dict[str, type[Event]] = {}
        self.tells: dict[str, type[Event]] = {}
        for reaction in reactions:
            for heard in hears(reaction):
                self.reactions[heard.name] = reaction
                self.hears[heard.name] = heard
            for told in tells(reaction):
                self.tells[told.name] = told
        self.ledger = ledger
        self.bus = bus
        self.milestones = milestones or {}
        self._pause = pause

    def hear(self, envelope: Mapping[str, Any]) -> None:
        """Handles an EventBridge event. Raises Refused, Conflict, NotTold or botocore's errors, for Lambda to retry."""
        with logger.append_context_keys(**_about(envelope)):
            try:
                event = self._read(envelope)
                logger.append_keys(orderId=str(event.order_id))  # in lower case
                outcome = self.learn(event, Timestamp.now())
                if outcome.told is not None:
                    self._tell(outcome.entry, self.tells[outcome.told], envelope, event)
            except Exception as error:
                count("Refusals" if isinstance(error, Refused) else "Failures")
                logger.error(f"{type(error).__name__}: {error}")
                raise
            logger.info(
                "heard again" if outcome.repeated else "heard",
                decided=outcome.entry.state.status,
                told=outcome.told or "nothing",
            )

    def learn(self, event: Event, at: Timestamp) -> Outcome[S]:
        """Decides what an event means and records it, unless that was done before. Tells nothing."""
        for attempt in range(ATTEMPTS):
            if attempt > 0:
                self._pause(random.uniform(0, min(1, 0.02 * 2**attempt)))
            before = self.ledger.recall(event.order_id)
            if before is not None and event.name in before.heard:
                return _again(event, before)
            state, told = self.reactions[event.name](event, before.state if before else None)
            if before is not None and state == before.state and told is None:
                return Outcome(before, None)
            entry = _advance(before, event, state, told, at)
            try:
                self.ledger.record(entry, before)
            except Conflict:
                count("Conflicts")
                continue
            self._count_milestone(entry, before)
            return Outcome(entry, told.name if told else None)
        raise Conflict(f"{ATTEMPTS} writes in a row came too late")

    def _read(self, envelope: Mapping[str, Any]) -> Event:
        name = str(envelope.get("detail-type"))
        if name not in self.hears:
            raise Refused(["detail-type: no event that is heard here"])
        kind = self.hears[name]
        if envelope.get("source") != kind.source:
            raise Refused([f"source: {name} is told by {kind.source} alone"])
        return parse(envelope.get("detail"), kind)

    def _tell(self, entry: Entry[S], kind: type[Event], envelope: Mapping[str, Any], cause: Event) -> None:
        hops = 1
        if cause.metadata is not None:
            hops = cause.metadata.hops + 1
        if hops > HOPS_MAX:
            count("Loops")  # who hears the fact refuses it
        self.bus.tell([fact(entry, kind, Metadata(envelope.get("id"), hops))])

    def _count_milestone(self, entry: Entry[S], before: Entry[S] | None) -> None:
        status = entry.state.status
        is_reached = before is None or before.state.status != status
        if is_reached and status in self.milestones:
            count(self.milestones[status])


def fact(entry: Entry[Any], kind: type[Event], metadata: Metadata) -> Event:
    """The fact as the entry tells it, the first time and every time after.

    OrderCreated, which no reaction tells, was decided when the entry was opened.
    """
    values: dict[str, Any] = {
        "order_id": entry.order_id,
        "timestamp": entry.told.get(kind.name, entry.opened_at),
        "metadata": metadata,
    }
    for field in fields(kind):
        if field.name not in values:
            values[field.name] = getattr(entry.state, field.name)
    return kind(**values)


def _advance[S: State](
    before: Entry[S] | None, event: Event, state: S, told: type[Event] | None, at: Timestamp
) -> Entry[S]:
    """The entry after an event. A fact told for another event before keeps the time of that."""
    heard = {event.name: Heard(_fingerprint(event), told.name if told else None)}
    decided = {told.name: at} if told else {}
    if before is None:
        return Entry(event.order_id, 1, at, state, heard, decided)
    return replace(
        before,
        version=before.version + 1,
        state=state,
        heard=before.heard | heard,
        told=decided | before.told,
    )


def _again[S: State](event: Event, entry: Entry[S]) -> Outcome[S]:
    heard = entry.heard[event.name]
    if heard.fingerprint != _fingerprint(event):
        count("Contradictions")
        logger.warning("repeated with other fields: the first heard wins")
    return Outcome(entry, heard.told, repeated=True)


def _about(envelope: Mapping[str, Any]) -> dict[str, str]:
    """Log keys of what may be any event: short, and without control characters."""
    detail = envelope.get("detail")
    order_id = detail.get("orderId") if isinstance(detail, dict) else None
    return {"orderId": _printable(order_id), "detailType": _printable(envelope.get("detail-type"))}


def _printable(value: object) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in str(value)[:64])


def _fingerprint(event: Event) -> str:
    """Of the fields that say what happened; when it was told, and why, may differ."""
    told = to_json(replace(event, timestamp="", metadata=None))
    return f"{zlib.crc32(told):08x}"
