"""What the journal knows: every event of an order, the orders newest first, and what has arrived lately."""

import heapq
import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

from journal.items import STATES, SUMMARY, shards
from saga.dynamodb import unmarshal
from saga.event import Timestamp
from sagactl.stack import shop
from sagactl.stack.deployed import Stack

OPEN = tuple(state for state in STATES if state not in shop.CLOSED)
_PAGE = 100
END = "~"  # after every timestamp


class _Index(NamedTuple):
    name: str
    key: str
    sort: str


_ORDERS = _Index("orders", "stateShard", "opened")
_ARRIVALS = _Index("arrivals", "dayShard", "arrivedAt")


@dataclass(frozen=True)
class Told:
    """One event as it was put on the bus. A fact told again counts from its arrival, as it was decided long before."""

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
    """One order, as far as its events tell. `events` gives each event's first time by name."""

    order_id: str
    status: str
    opened_at: str
    events: dict[str, str]

    @property
    def last_event(self) -> str:
        """The name of the event told last; empty if none has a name of the saga's."""
        return max(self.events, key=lambda name: self.events[name], default="")

    @property
    def took_ms(self) -> int:
        """From when it was opened to its last event."""
        return milliseconds(self.opened_at, self.events.get(self.last_event, self.opened_at))

    @property
    def cursor(self) -> str:
        """Where a list of orders goes on after this one."""
        return f"{self.opened_at}#{self.order_id}"


def timeline(stack: Stack, order_id: str) -> list[Told]:
    """Every event of the order, those told again included, in the order of their time."""
    seen: set[str] = set()
    found = []
    for item in sorted(events(stack, order_id), key=lambda item: (item["arrivedAt"], item["sort"])):
        found.append(read(item, is_repeat=item["detailType"] in seen))
        seen.add(item["detailType"])
    found.sort(key=lambda told: told.at)
    at = {told.event_id: told.at for told in found}
    return [_counted(told, found[0].at, at.get(told.cause_id or "")) for told in found]


def events(stack: Stack, order_id: str) -> list[dict[str, Any]]:
    """Every event of the order as the journal wrote it down."""
    return list(
        _query(
            stack,
            KeyConditionExpression="orderId = :id AND sort < :summary",
            ExpressionAttributeValues={":id": {"S": order_id}, ":summary": {"S": SUMMARY}},
            ConsistentRead=True,
        )
    )


def read(item: dict[str, Any], *, is_repeat: bool = False) -> Told:
    """An item of the journal; its detail may say anything."""
    try:
        detail = json.loads(item["detail"], parse_constant=str)
    except (ValueError, RecursionError):
        detail = item["detail"]
    times = item["toldAt"], item["arrivedAt"]
    return Told(item["detailType"], item["source"], *times, item["eventId"], _cause_in(detail), detail, is_repeat)


def orders(
    stack: Stack, states: Iterable[str] = STATES, *, limit: int, since: str = "0", before: str = END
) -> list[Summary]:
    """The newest orders in these states, opened since a time and before a cursor; a page a shard is read at once."""
    keys = [key for state in states for key in shards(state)]
    found = _newest_first(stack, _ORDERS, keys, since, before, min(limit, _PAGE))
    summaries = (_summary(item) for item in found if item["opened"] < before)
    return list(itertools.islice(summaries, limit))


def arrivals(stack: Stack, since: str, limit: int) -> list[dict[str, Any]]:
    """Events that arrived since then, the newest first, whatever their order."""
    days = range(date.fromisoformat(since[:10]).toordinal(), date.fromisoformat(Timestamp.now()[:10]).toordinal() + 1)
    keys = [key for day in days for key in shards(str(date.fromordinal(day)))]
    return list(itertools.islice(_newest_first(stack, _ARRIVALS, keys, since, END, min(limit, _PAGE)), limit))


def milliseconds(since: str, until: str) -> int:
    """From one of the saga's timestamps to another."""
    return round((datetime.fromisoformat(until) - datetime.fromisoformat(since)).total_seconds() * 1000)


def _cause_in(detail: Any) -> str | None:
    match detail:
        case {"metadata": {"causationId": str(cause_id)}}:
            return cause_id
    return None


def _counted(told: Told, first_at: str, cause_at: str | None) -> Told:
    since_cause_ms = milliseconds(cause_at, told.at) if cause_at else None
    return Told(**vars(told) | {"since_first_ms": milliseconds(first_at, told.at), "since_cause_ms": since_cause_ms})


def _summary(item: dict[str, Any]) -> Summary:
    events = {name: value for name, value in item.items() if name[0].isupper()}
    return Summary(item["orderId"], item["stateShard"].partition("#")[0], item["opened"].partition("#")[0], events)


def _newest_first(
    stack: Stack, index: _Index, keys: Sequence[str], since: str, until: str, page: int
) -> Iterator[dict[str, Any]]:
    """What an index has under all the keys, merged; the first page of each is read at the same time."""

    def started(key: str) -> Iterator[dict[str, Any]]:
        found = _query(
            stack,
            IndexName=index.name,
            KeyConditionExpression=f"{index.key} = :key AND {index.sort} BETWEEN :since AND :until",
            ExpressionAttributeValues={":key": {"S": key}, ":since": {"S": since}, ":until": {"S": until}},
            ScanIndexForward=False,
            PaginationConfig={"PageSize": page},
        )
        return itertools.chain(list(itertools.islice(found, 1)), found)

    with ThreadPoolExecutor(len(keys)) as pool:
        return heapq.merge(*pool.map(started, keys), key=lambda item: item[index.sort], reverse=True)


def _query(stack: Stack, **arguments: Any) -> Iterator[dict[str, Any]]:
    pages = stack.client("dynamodb").get_paginator("query")
    for page in pages.paginate(TableName=stack.outputs["JournalTable"], **arguments):
        for item in page["Items"]:
            yield unmarshal(item)
