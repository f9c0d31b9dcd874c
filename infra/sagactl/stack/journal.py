"""What the journal has written down: an order's events, the newest orders, and the events that arrived lately."""

import heapq
import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, NamedTuple

from journal.items import NAMED, STATES, SUMMARY, batches_of, shards
from saga.event import Timestamp
from sagactl.stack.deployed_stack import Stack

ORDERS_MAX = 1000  # that a list shows, and in which a short ID is looked for
END = "~"  # after every timestamp
_PAGE = 100
_READ_AT_ONCE = 32  # keys: a year has 1,464


class _Keys(NamedTuple):
    """The keys of the table, or of an index of it."""

    key: str
    sort: str
    arguments: dict[str, str]


_ORDERS = _Keys("stateShard", "opened", {"IndexName": "orders"})
_BATCHES = _Keys("orderId", "sort", {})


@dataclass(frozen=True)
class Told:
    """One event as it was put on the bus.

    A fact that is told again was decided long before, so its time is when it arrived.
    """

    name: str
    source: str
    told_at: str
    arrived_at: str
    event_id: str
    cause_id: str | None
    detail: Any
    is_repeat: bool = False
    since_first_ms: int = 0  # from the order's first event
    since_cause_ms: int | None = None  # where the journal has the cause

    @property
    def at(self) -> str:
        return self.arrived_at if self.is_repeat else self.told_at

    @property
    def teller(self) -> str:
        return self.source.removeprefix("saga.")


@dataclass(frozen=True)
class Summary:
    """One order, as its events tell. `events` has when each event was first told, by its name."""

    order_id: str
    status: str
    opened_at: str
    events: dict[str, str]

    @property
    def last_event(self) -> str:
        """The name of the event told last; empty if the order has none of the saga's events."""
        return max(self.events, key=lambda name: self.events[name], default="")

    @property
    def took_ms(self) -> int:
        """Milliseconds from when it was opened to its last event."""
        return milliseconds(self.opened_at, self.last_told_at)

    @property
    def last_told_at(self) -> str:
        return self.events.get(self.last_event, self.opened_at)

    @property
    def cursor(self) -> str:
        """Where the list of orders continues after this one."""
        return f"{self.opened_at}#{self.order_id}"


def timeline(stack: Stack, order_id: str) -> list[Told]:
    """Returns every event of the order by time, including those told again."""
    seen: set[str] = set()
    found = []
    for item in sorted(events(stack, order_id), key=lambda item: (item["arrivedAt"], item["sort"])):
        found.append(read(item, is_repeat=item["detailType"] in seen))
        seen.add(item["detailType"])
    found.sort(key=lambda told: told.at)
    at = {told.event_id: told.at for told in found}
    return [_counted(told, found[0].at, at.get(told.cause_id or "")) for told in found]


def events(stack: Stack, order_id: str) -> list[dict[str, Any]]:
    """Returns every event of the order as the journal wrote it down."""
    found = _query(
        stack,
        KeyConditionExpression="orderId = :id AND sort < :summary",
        ExpressionAttributeValues={":id": {"S": order_id}, ":summary": {"S": SUMMARY}},
        ConsistentRead=True,
    )
    return list(found)


def read(item: dict[str, Any], *, is_repeat: bool = False) -> Told:
    """Reads an item of the journal. Its detail may be anything that was put on the bus."""
    try:
        detail = json.loads(item["detail"], parse_constant=str)
    except (ValueError, RecursionError):
        detail = item["detail"]
    return Told(
        name=item["detailType"],
        source=item["source"],
        told_at=item["toldAt"],
        arrived_at=item["arrivedAt"],
        event_id=item["eventId"],
        cause_id=_cause_in(detail),
        detail=detail,
        is_repeat=is_repeat,
    )


def orders(
    stack: Stack, states: Iterable[str] = STATES, *, limit: int, since: str = "0", before: str = END
) -> list[Summary]:
    """Returns the newest orders in these states, opened since a time and before a cursor."""
    found = newest(stack, states, page=min(limit, _PAGE), since=since, before=before)
    return list(itertools.islice(found, limit))


def newest(stack: Stack, states: Iterable[str], *, page: int, since: str = "0", before: str = END) -> Iterator[Summary]:
    """Yields what `orders` returns, and reads a page of each state's shards only when the one before is used up."""
    keys = list(itertools.chain.from_iterable(map(shards, states)))
    if not keys or since > before:  # DynamoDB refuses such a query
        return
    summaries = map(_summary, _newest_first(stack, _ORDERS, keys, since, before, page))
    for cursor, found in itertools.groupby(summaries, key=lambda summary: summary.cursor):
        if cursor < before:
            yield _latest(found)


def _latest(found: Iterable[Summary]) -> Summary:
    """Returns one of an order that was found in several states, because it went on while they were read."""
    return max(found, key=lambda summary: STATES.index(summary.status))


def open_states() -> tuple[str, ...]:
    """Returns the states of the orders that are not closed."""
    from sagactl.design import choreography  # reads the template and every reaction

    return tuple(state for state in STATES if state not in choreography.closed())


def arrivals(stack: Stack, since: str, limit: int) -> list[dict[str, str]]:
    """Returns the events of all orders that were written down since then, the newest first.

    Each has the fields `NAMED`, and when it was written, `writtenAt`.
    """
    days = map(batches_of, _days(since, Timestamp.now()))
    keys = list(itertools.chain.from_iterable(map(shards, days)))
    if not keys:  # it is yet to come
        return []
    batches = _newest_first(stack, _BATCHES, keys, since, END, min(limit, _PAGE))
    found: dict[str, dict[str, str]] = {}
    for event in itertools.islice(itertools.chain.from_iterable(map(_named, batches)), limit):
        found.setdefault(event["eventId"], event)  # a batch that failed in part was written twice
    return list(found.values())


def _named(batch: dict[str, Any]) -> Iterator[dict[str, str]]:
    written_at, _, _ = batch["sort"].partition("#")
    for values in reversed(json.loads(batch["events"])):
        yield dict(zip(NAMED, values, strict=True)) | {"writtenAt": written_at}


def milliseconds(since: str, until: str) -> int:
    """Returns the milliseconds from one of the saga's timestamps to another."""
    return round((datetime.fromisoformat(until) - datetime.fromisoformat(since)).total_seconds() * 1000)


def _days(since: str, until: str) -> Iterator[str]:
    """Both days and all between them, as 2026-01-31."""
    first = date.fromisoformat(since[:10])
    last = date.fromisoformat(until[:10])
    for day in range(first.toordinal(), last.toordinal() + 1):
        yield str(date.fromordinal(day))


def _cause_in(detail: Any) -> str | None:
    match detail:
        case {"metadata": {"causationId": str(cause_id)}}:
            return cause_id
    return None


def _counted(told: Told, first_at: str, cause_at: str | None) -> Told:
    since_cause_ms = milliseconds(cause_at, told.at) if cause_at else None
    return replace(told, since_first_ms=milliseconds(first_at, told.at), since_cause_ms=since_cause_ms)


def _summary(item: dict[str, Any]) -> Summary:
    state, _, _ = item["stateShard"].partition("#")
    opened_at, _, _ = item["opened"].partition("#")
    events = {name: value for name, value in item.items() if name[0].isupper()}
    return Summary(item["orderId"], state, opened_at, events)


def _newest_first(
    stack: Stack, index: _Keys, keys: Sequence[str], since: str, until: str, page: int
) -> Iterator[dict[str, Any]]:
    """Returns what there is under all the keys, merged. The first pages of all keys are read at the same time."""

    def started(key: str) -> Iterator[dict[str, Any]]:
        found = _query(
            stack,
            **index.arguments,
            KeyConditionExpression=f"{index.key} = :key AND {index.sort} BETWEEN :since AND :until",
            ExpressionAttributeValues={":key": {"S": key}, ":since": {"S": since}, ":until": {"S": until}},
            ScanIndexForward=False,
            PaginationConfig={"PageSize": page},
        )
        return itertools.chain(list(itertools.islice(found, 1)), found)

    with ThreadPoolExecutor(min(len(keys), _READ_AT_ONCE)) as pool:
        return heapq.merge(*pool.map(started, keys), key=lambda item: item[index.sort], reverse=True)


def _query(stack: Stack, **arguments: Any) -> Iterator[dict[str, Any]]:
    return stack.items("query", TableName=stack.outputs["JournalTable"], **arguments)
