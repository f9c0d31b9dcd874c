"""What the journal knows: every event of an order in the order told, and the orders newest first."""

import heapq
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from saga.ledger import unmarshal
from sagactl.stack import Stack

_DAY_SHARDS = 4
_OPEN = {"PENDING", "FAILING"}


@dataclass(frozen=True)
class Told:
    """One event as it was put on the bus; `since_first_ms` counts from the order's first event."""

    name: str
    source: str
    told_at: str
    event_id: str
    cause_id: str | None
    since_first_ms: int


@dataclass(frozen=True)
class Summary:
    """One order, as far as its events tell. `events` gives each event's first time by name."""

    order_id: str
    opened_at: str
    events: dict[str, str]

    @property
    def status(self) -> str:
        if "ShipmentOK" in self.events:
            return "COMPLETED"
        if "OrderFailed" in self.events:
            return "FAILED"
        failures = {"PaymentFail", "StockFailed", "ShipmentFail", "PaymentCancel", "StockRelease"}
        return "FAILING" if failures & self.events.keys() else "PENDING"

    @property
    def is_open(self) -> bool:
        return self.status in _OPEN


def timeline(stack: Stack, order_id: str) -> list[Told]:
    """Every event of the order, repeats included, by the time at which it was decided."""
    items = events(stack, order_id)
    return [
        Told(
            name=item["detailType"],
            source=item["source"],
            told_at=item["toldAt"],
            event_id=item["eventId"],
            cause_id=(json.loads(item["detail"]).get("metadata") or {}).get("causationId"),
            since_first_ms=milliseconds(items[0]["toldAt"], item["toldAt"]),
        )
        for item in items
    ]


def events(stack: Stack, order_id: str) -> list[dict[str, Any]]:
    """Every event of the order as the journal wrote it down."""
    return list(
        _query(
            stack,
            KeyConditionExpression="orderId = :id AND sort < :summary",
            ExpressionAttributeValues={":id": {"S": order_id}, ":summary": {"S": "summary"}},
            ConsistentRead=True,
        )
    )


def orders(stack: Stack, *, open_only: bool, limit: int, days: int) -> list[Summary]:
    """The newest orders of the last days, found day by day in the journal's index; no table is scanned."""
    newest = (summary for summary in _newest_first(stack, days) if summary.is_open or not open_only)
    return list(itertools.islice(newest, limit))


def milliseconds(since: str, until: str) -> int:
    """From one of the saga's timestamps to another."""
    return round((datetime.fromisoformat(until) - datetime.fromisoformat(since)).total_seconds() * 1000)


def _newest_first(stack: Stack, days: int) -> Iterator[Summary]:
    today = datetime.now(UTC).date()
    for day in (today - timedelta(days=back) for back in range(-1, days)):
        shards = (_shard(stack, f"{day}#{shard}") for shard in range(_DAY_SHARDS))
        yield from heapq.merge(*shards, key=lambda summary: summary.opened_at, reverse=True)


def _shard(stack: Stack, day_shard: str) -> Iterator[Summary]:
    for item in _query(
        stack,
        IndexName="orders",
        KeyConditionExpression="dayShard = :day",
        ExpressionAttributeValues={":day": {"S": day_shard}},
        ScanIndexForward=False,
    ):
        events = {name: value for name, value in item.items() if name[0].isupper()}
        yield Summary(item["orderId"], item["openedAt"], events)


def _query(stack: Stack, **arguments: Any) -> Iterator[dict[str, Any]]:
    pages = stack.client("dynamodb").get_paginator("query")
    for page in pages.paginate(TableName=stack.outputs["JournalTable"], **arguments):
        for item in page["Items"]:
            yield unmarshal(item)
