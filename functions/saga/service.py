"""A service hears an event, decides what it means, records that in one write, and tells the fact that follows.

A crash after the record is healed by Lambda's retry: the event is found heard, and the same fact is told again.
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
from saga.serialization import Refused, parse

ATTEMPTS = 10  # at recording one event while others write the same order or stock


class Outcome[S: State](Struct, frozen=True):
    """What an event led to: the order's entry now, and the name of the fact to tell.

    `repeated` if the event was heard before.
    """

    entry: Entry[S]
    told: str | None
    repeated: bool = False


class Service[S: State]:
    """Reactions over a ledger and a bus. It hears and tells the events in the reactions' signatures.

    `dated` adds to a state what follows from when the entry was opened: reactions know no clock. `opened_by` is the
    event that nearly always opens the entry: see `learn`.
    """

    def __init__(
        self,
        reactions: Iterable[Reaction[S]],
        ledger: Ledger[S],
        bus: Bus,
        dated: Callable[[S, Timestamp], S] = lambda state, _opened_at: state,
        opened_by: type[Event] | None = None,
    ) -> None:
        self.reactions: dict[str, Reaction[S]] = {}
        self.hears: dict[str, type[Event]] = {}
        self.tells: dict[str, type[Event]] = {}
        for reaction in reactions:
            for heard in hears(reaction):
                if heard.name in self.hears:
                    raise TypeError(f"Two reactions hear {heard.name}. Make them one")
                self.reactions[heard.name] = reaction
                self.hears[heard.name] = heard
            for told in tells(reaction):
                self.tells[told.name] = told
        self.ledger = ledger
        self.bus = bus
        self.dated = dated
        self.opened_by = opened_by
        self._pause: Callable[[float], None] = time.sleep

    def hear(self, envelope: Mapping[str, Any]) -> None:
        """Handles an event as EventBridge delivers it.

        Raises Refused, Conflict, NotTold or one of botocore's errors; Lambda then tries again.
        """
        with logger.append_context_keys(**_about(envelope)):
            try:
                event = self._read(envelope)
                logger.append_keys(orderId=str(event.order_id))  # in lower case
                now = Timestamp.now()
                outcome = self.learn(event, now, opens=type(event) is self.opened_by)
                if outcome.told is not None:
                    self._tell(outcome.entry, self.tells[outcome.told], envelope, event)
            except Exception as error:
                metric = "Refusals" if isinstance(error, Refused) else "Failures"
                count(metric)
                logger.error(f"{type(error).__name__}: {error}")
                raise
            message = "heard again" if outcome.repeated else "heard"
            logger.info(
                message,
                decided=outcome.entry.state.status,
                told=outcome.told or "nothing",
                ageMs=now.milliseconds_since(outcome.entry.opened_at),
            )

    def learn(self, event: Event, at: Timestamp, *, opens: bool = False) -> Outcome[S]:
        """Decides what an event means and records it, unless that was done before. Tells nothing.

        An event that `opens` the entry is taken to be the first one, without a read. If it is not, the write is
        refused, and the refusal says what there is.
        Raises Conflict if other writes come first, or the database is too busy, in every attempt.
        """
        before: Entry[S] | None = None
        is_known = opens
        for attempt in range(ATTEMPTS):
            if not is_known:
                if attempt > 0:
                    self._pause(random.uniform(0, min(1, 0.02 * 2**attempt)))
                before = self.ledger.recall(event.order_id)
            if before is not None and event.name in before.heard:
                return _again(event, before)
            state, told = self.decide(event, before, at)
            if before is not None and state == before.state and told is None:
                return Outcome(before, None)
            entry = _advance(before, event, state, told, at)
            try:
                self.ledger.record(entry, before)
            except Conflict as conflict:
                count(conflict.metric)
                before = conflict.entry
                is_known = before is not None
                continue
            self._count_milestone(entry, before)
            return Outcome(entry, _name_of(told))
        raise Conflict(f"other writes came first, or the database was too busy, in each of {ATTEMPTS} attempts")

    def decide(self, event: Event, before: Entry[S] | None, at: Timestamp) -> tuple[S, type[Event] | None]:
        """Returns the new state, and the fact to tell."""
        known = before.state if before else None
        opened_at = before.opened_at if before else at
        if known is not None and known.contradicts(event):
            _contradiction("follows from another version of the order: what is decided stays")
        state, told = self.reactions[event.name](event, known)
        return self.dated(state, opened_at), told

    def _read(self, envelope: Mapping[str, Any]) -> Event:
        name = str(envelope.get("detail-type"))
        if name not in self.hears:
            raise Refused(["detail-type: not an event that this service hears"])
        kind = self.hears[name]
        if envelope.get("source") != kind.source:
            raise Refused([f"source: {name} is told by {kind.source} alone"])
        return parse(envelope.get("detail"), kind)

    def _tell(self, entry: Entry[S], kind: type[Event], envelope: Mapping[str, Any], cause: Event) -> None:
        metadata = cause.metadata or Metadata()
        hops = metadata.hops + 1
        if hops > HOPS_MAX:
            count("Loops")  # who hears the fact refuses it
        passed_on = Metadata(envelope.get("id"), hops, entry.state.answers, metadata.traceparent)
        self.bus.tell([fact(entry, kind, passed_on)])

    def _count_milestone(self, entry: Entry[S], before: Entry[S] | None) -> None:
        reached = entry.state.milestone
        reached_before = before.state.milestone if before else None
        if reached is not None and reached != reached_before:
            count(reached)


def fact(entry: Entry[Any], kind: type[Event], metadata: Metadata) -> Event:
    """Returns the fact as the entry has it, the same each time but for the metadata.

    Its fields come from the state, by their Python names. A fact that no reaction tells was decided when
    the entry was opened.
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
    """Returns the entry after an event. A fact that another event led to before keeps its time."""
    heard = {event.name: Heard(_fingerprint(event), _name_of(told))}
    decided = {told.name: at} if told else {}
    state = replace(state, answers=state.answers or event.answers)
    if before is None:
        return Entry(event.order_id, 1, at, state, heard, decided)
    return replace(
        before,
        version=before.version + 1,
        state=state,
        heard=before.heard | heard,
        told=decided | before.told,
    )


def _name_of(event: type[Event] | None) -> str | None:
    return event.name if event else None


def _again[S: State](event: Event, entry: Entry[S]) -> Outcome[S]:
    heard = entry.heard[event.name]
    if heard.fingerprint != _fingerprint(event):
        _contradiction("heard again with other fields: the first ones count")
    return Outcome(entry, heard.told, repeated=True)


def _contradiction(message: str) -> None:
    count("Contradictions")
    logger.warning(message)


def _about(envelope: Mapping[str, Any]) -> dict[str, str]:
    """Returns the log keys of an event that may not be valid."""
    detail = envelope.get("detail")
    order_id = detail.get("orderId") if isinstance(detail, dict) else None
    return {"orderId": _printable(order_id), "detailType": _printable(envelope.get("detail-type"))}


def _printable(value: object) -> str:
    """Returns at most 64 letters of any value, in ASCII: control characters and the like are escaped."""
    return str(value)[:64].encode("unicode_escape").decode()


def _fingerprint(event: Event) -> str:
    return f"{zlib.crc32(event.facts):08x}"
