"""What the journal's table holds: an item per event, under `timestamp#id`, and one per order, `summary`.

A summary has the time at which each event was first told, by the event's name, and the order's state as far as its
events tell it. Two sparse indexes replace scans: `orders` has the summaries by state and by when the order was opened,
`arrivals` has the events by day and by when they arrived. Both are spread over shards.
"""

import json
import zlib
from collections.abc import Container
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from msgspec.structs import fields

from contracts.events import (
    EVENTS,
    OrderCreated,
    OrderFailed,
    PaymentCancel,
    PaymentFail,
    ShipmentFail,
    ShipmentOK,
    StockFailed,
    StockRelease,
)
from saga.event import Timestamp
from saga.serialization import from_builtins

SHARDS = 4
DETAIL_BYTES_MAX = 256 * 1024  # DynamoDB takes items of 400 KB, EventBridge events of up to 1 MB
SUMMARY = "summary"
STATES = ("PENDING", "FAILING", "COMPLETED", "FAILED")

_FAILING = (PaymentFail, StockFailed, ShipmentFail, PaymentCancel, StockRelease)
STATE_AFTER = {event.name: "FAILING" for event in _FAILING} | {
    ShipmentOK.name: "COMPLETED",
    OrderFailed.name: "FAILED",
}


def shards(prefix: str) -> list[str]:
    """Returns the index keys that together hold all of a state, or all of a day."""
    return [f"{prefix}#{shard}" for shard in range(SHARDS)]


def journal_entry(envelope: dict[str, Any], arrived_ms: int, kept_seconds: int) -> dict[str, Any]:
    """Returns the event as an item.

    Items are sorted by the detail's timestamp, because EventBridge's own time has whole seconds only. An item says how
    many fields were left out because they were too large.
    """
    detail = envelope["detail"]
    arrived_at = Timestamp.of(datetime.fromtimestamp(arrived_ms / 1000, UTC))
    try:
        told_at = Timestamp.parse(detail.get("timestamp"))
    except ValueError:
        told_at = arrived_at
    order_id = _order_id(detail["orderId"])
    kept = _small_enough(detail, _known_fields(envelope["detail-type"]))
    texts = {
        "orderId": order_id,
        "sort": f"{told_at}#{envelope['id']}",
        "toldAt": told_at,
        "arrivedAt": arrived_at,
        "dayShard": _sharded(arrived_at[:10], order_id),
        "eventId": envelope["id"],
        "detailType": envelope["detail-type"],
        "source": envelope["source"],
        "detail": _json(kept).decode(),
    }
    numbers = {"expiresAt": arrived_ms // 1000 + kept_seconds}
    if len(kept) < len(detail):
        numbers["fieldsLeftOut"] = len(detail) - len(kept)
    item = {name: {"S": value} for name, value in texts.items()}
    return item | {name: {"N": str(value)} for name, value in numbers.items()}


def _order_id(claimed: Any) -> str:
    """Returns the id as the services read it, so that each way to write a UUID is the same order."""
    try:
        return str(from_builtins(claimed, UUID))
    except ValueError:
        return str(claimed).lower()


def _small_enough(detail: dict[str, Any], known: Container[str]) -> dict[str, Any]:
    """Returns the detail without its largest unknown fields, if it has more bytes than an item may."""
    if len(_json(detail)) <= DETAIL_BYTES_MAX:
        return detail
    sizes = {name: len(_json({name: value})) for name, value in detail.items()}
    excess = sum(sizes.values()) - DETAIL_BYTES_MAX
    kept = dict(detail)
    for name in sorted(sizes, key=lambda name: (name in known, -sizes[name])):
        if excess <= 0:
            break
        excess -= sizes[name]
        del kept[name]
    return kept


def _known_fields(detail_type: str) -> set[str]:
    known = {"eventType"}
    if detail_type in EVENTS:
        known |= {field.encode_name for field in fields(EVENTS[detail_type])}
    return known


def _json(value: Any) -> bytes:
    """As UTF-8, a third the size of escapes. Half a surrogate pair, for which UTF-8 has no form, stays escaped."""
    return json.dumps(value, ensure_ascii=False).encode(errors="backslashreplace")


def summary(entry: dict[str, Any]) -> dict[str, Any]:
    """Returns UpdateItem's arguments for the order's summary. Events may arrive in any order: these updates commute."""
    order_id = entry["orderId"]["S"]
    told_at = entry["toldAt"]["S"]
    name = entry["detailType"]["S"]
    state = STATE_AFTER.get(name, "PENDING")
    updates = ["expiresAt = :expires", "#event = if_not_exists(#event, :at)", *_KEEPING_THE_FURTHEST[state]]
    # The order's first event says when it was opened; any other does so only until that one arrives.
    if name == OrderCreated.name:
        updates.append("opened = :opened")
    else:
        updates.append("opened = if_not_exists(opened, :opened)")
    return {
        "Key": {"orderId": entry["orderId"], "sort": {"S": SUMMARY}},
        "UpdateExpression": f"SET {', '.join(updates)}",
        "ExpressionAttributeNames": {"#event": name},
        "ExpressionAttributeValues": {
            ":at": entry["toldAt"],
            ":opened": {"S": f"{told_at}#{order_id}"},
            ":state": {"S": _sharded(state, order_id)},
            ":expires": entry["expiresAt"],
        },
    }


# FAILING replaces PENDING, FAILED replaces both, and COMPLETED replaces all, in whichever order the events arrive.
# `closedAs` keeps how the order was closed, for the events that arrive later.
_KEEPING_THE_FURTHEST = {
    "PENDING": ["stateShard = if_not_exists(stateShard, :state)"],
    "FAILING": ["stateShard = if_not_exists(closedAs, :state)"],
    "FAILED": ["stateShard = if_not_exists(closedAs, :state)", "closedAs = if_not_exists(closedAs, :state)"],
    "COMPLETED": ["stateShard = :state", "closedAs = :state"],
}


def _sharded(prefix: str, order_id: str) -> str:
    return f"{prefix}#{zlib.crc32(order_id.encode()) % SHARDS}"
