"""A table that was restored to an earlier moment no longer knows what its service has told since.

Others have acted on that. If the service heard the same events again in another sequence, it might decide otherwise,
and a shipped order would be refunded. So its entry is made again first, from what the journal has: by the service's own
reactions, which hear the order's events in a sequence that leads to what was told.
"""

import inspect
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from decimal import Decimal
from functools import cache, partial
from typing import Any, NamedTuple
from uuid import UUID

from msgspec.structs import replace

from saga.event import Event, Metadata, Timestamp
from saga.ledger import Conflict, Entry
from saga.serialization import to_json
from saga.service import Service, fact
from sagactl.design import choreography
from sagactl.errors import SagaError
from sagactl.stack import entries
from sagactl.stack.deployed_stack import Stack
from sagactl.stack.replay import Fact, facts_of

_READERS = 8
# What a reaction looks up or is limited by. What it decided is known, so either value will do that leads to it.
_AS_MUCH_AS_WANTED: dict[str, Any] = {"limit": Decimal("Infinity"), "capacity": 10**9, "available": lambda _: 10**9}
_NOTHING: dict[str, Any] = {"limit": Decimal(-1), "capacity": -1, "available": lambda _: None}


class Behind(NamedTuple):
    """An entry that lacks facts which its service told. `after` is as it was; None if that can't be found out."""

    service: str
    order_id: UUID
    lacks: tuple[str, ...]
    before: Entry[Any] | None
    after: Entry[Any] | None


def behind(stack: Stack, facts: Iterable[Fact]) -> list[Behind]:
    """Returns the entries of these facts' orders that lack what their service told."""
    order_ids = dict.fromkeys(str(each.event.order_id) for each in facts)
    found: list[Behind] = []
    with ThreadPoolExecutor(_READERS) as pool:
        for of_order in pool.map(lambda order_id: list(_behind(stack, order_id)), order_ids):
            found += of_order
    return found


def make_again(stack: Stack, one: Behind) -> None:
    """Writes the entry as it was, and takes from the stock what it holds. Raises SagaError if that can't be."""
    from inventory.stock import DynamoStockLedger
    from saga.dynamodb import DynamoLedger

    where = f"{one.service}, {one.order_id}"
    if one.after is None:
        message = f"{where}: no sequence of the order's events leads to {', '.join(one.lacks)}"
        raise SagaError(message, "Look at it with saga trace, and mend the table by hand")
    client = stack.client("dynamodb")
    table = stack.table(one.service)
    ledger: DynamoLedger[Any] = DynamoLedger(client, table, entries.state_type(one.service))
    if one.service == "inventory":
        ledger = DynamoStockLedger(client, table, stack.outputs["StockTable"])
    try:
        ledger.record(one.after, one.before)
    except Conflict:
        remedy = "Restore both of inventory's tables to one moment, stop the functions, and try again"
        raise SagaError(f"{where}: it was changed meanwhile, or the stock is of another moment", remedy) from None


def _behind(stack: Stack, order_id: str) -> Iterator[Behind]:
    facts = [each.event for each in facts_of(stack, order_id).facts]
    for service, entry in entries.entries(stack, order_id).items():
        if lacks := lacking(service, entry, facts):
            yield Behind(service, UUID(order_id), lacks, entry, as_it_was(service, entry, facts))


def lacking(service: str, entry: Entry[Any] | None, facts: Iterable[Event]) -> tuple[str, ...]:
    """Returns the names of the facts that the service told because of events, and does not know of."""
    known = entry.told if entry else {}
    return tuple(each.name for each in facts if type(each) in _decides(service) and each.name not in known)


def as_it_was(service: str, entry: Entry[Any] | None, facts: Sequence[Event]) -> Entry[Any] | None:
    """Returns the entry after the fewest events that lead the service to all that it told; None if none do.

    `facts` are all that are known of the order.
    """
    told = {each.name: each for each in facts if type(each) in _decides(service)}
    heard = [each for each in facts if type(each) in choreography.hears_of(service)]
    for is_willing in (True, False):
        start = _Past(service, told, is_willing=is_willing, entry=entry)
        todo = deque([start])
        seen = {start.key}
        while todo:
            past = todo.popleft()
            if past.is_complete(heard):
                return past.entry
            for after in filter(None, map(past.hear, heard)):
                if after.key not in seen:
                    seen.add(after.key)
                    todo.append(after)
    return None


class _Again(Service[Any]):
    """A service that decides what was decided before: nothing is counted, and no time is set."""

    def decide(self, event: Event, before: Entry[Any] | None, _at: Timestamp) -> tuple[Any, type[Event] | None]:
        known = before.state if before else None
        return self.reactions[event.name](event, known)


class _Past:
    """What a service may have known of an order at some time. It is the service's ledger, too."""

    def __init__(self, service: str, told: dict[str, Event], *, is_willing: bool, entry: Entry[Any] | None) -> None:
        self.entry = entry
        self._told = told
        self._is_willing = is_willing
        self._service = copy(_wired(service, is_willing=is_willing))
        self._service.ledger = self

    @property
    def key(self) -> tuple[object, ...]:
        if self.entry is None:
            return ()
        return to_json(self.entry.state), frozenset(self.entry.heard), frozenset(self.entry.told)

    def recall(self, _order_id: UUID) -> Entry[Any] | None:
        return self.entry

    def record(self, entry: Entry[Any], _before: Entry[Any] | None) -> None:
        self.entry = entry

    def is_complete(self, heard: Iterable[Event]) -> bool:
        """Whether all is told that was told, and heard by its own service where that hears it."""
        if self.entry is None or not self._told.keys() <= self.entry.told.keys():
            return False
        return all(each.name in self.entry.heard for each in heard if each.name in self._told)

    def hear(self, event: Event) -> "_Past | None":
        """What it knows after the event; None if it changes nothing, or if it would tell what was not told."""
        known = self.entry
        if known and event.name in known.heard:
            return None
        after = copy(self)
        after._service = copy(self._service)
        after._service.ledger = after
        told = after._service.learn(event, event.timestamp).told
        if told and not (known and told in known.told):
            after.entry = after._as_told(told)
        return None if after.entry in (known, None) else after

    def _as_told(self, name: str) -> Entry[Any] | None:
        """The entry with the time of the fact as it was told; None if it was told otherwise."""
        told = self._told.get(name)
        if told is None or self.entry is None:
            return None
        state = self.entry.state
        reason = getattr(told, "reason", None)
        if reason and not self._is_willing:
            state = replace(state, reason=reason)  # it names a limit, which was another one
        entry = replace(self.entry, state=state, told=self.entry.told | {name: told.timestamp})
        again = fact(entry, type(told), Metadata())
        is_same = again.facts == told.facts and reason in (None, getattr(again, "reason", None))
        return entry if is_same else None


def _decides(service: str) -> choreography.Events:
    """What the service tells because it heard something."""
    return choreography.told_by(step for step in choreography.steps() if step.service == service and step.heard)


@cache
def _wired(service: str, *, is_willing: bool) -> _Again:
    """The service in this process, with reactions that refuse nothing, or all."""
    limits = _AS_MUCH_AS_WANTED if is_willing else _NOTHING
    reactions = []
    for function in {step.function for step in choreography.steps() if step.service == service and step.heard}:
        names = list(inspect.signature(function).parameters)[2:]
        if unknown := set(names) - limits.keys():
            message = f"{service}: what {' and '.join(sorted(unknown))} may have been is not known"
            raise SagaError(message, "Say so in sagactl/stack/restored.py")
        reactions.append(partial(function, **{name: limits[name] for name in names}))
    nowhere: Any = None
    return _Again(reactions, ledger=nowhere, bus=nowhere)
