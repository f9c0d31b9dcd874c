"""What the journal's table holds: an item per event, under `timestamp#id`, and one per order, `summary`.

A summary has the time at which each event was first told, by the event's name, and the order's state as far as its
events tell it. Two sparse indexes replace scans: `orders` has the summaries by state and by when the order was opened,
`arrivals` has the events by day and by when they arrived. Both are spread over shards.
"""

import json
import zlib
from datetime import UTC, datetime
from typing import Any

from contracts.events import (
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

SHARDS = 4
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

    Items are sorted by the detail's timestamp, because EventBridge's own time has whole seconds only.
    """
    detail = envelope["detail"]
    arrived_at = Timestamp.of(datetime.fromtimestamp(arrived_ms / 1000, UTC))
    try:
        told_at = Timestamp.parse(detail.get("timestamp"))
    except ValueError:
        told_at = arrived_at
    order_id = str(detail["orderId"]).lower()
    fields = {
        "orderId": order_id,
        "sort": f"{told_at}#{envelope['id']}",
        "toldAt": told_at,
        "arrivedAt": arrived_at,
        "dayShard": _sharded(arrived_at[:10], order_id),
        "eventId": envelope["id"],
        "detailType": envelope["detail-type"],
        "source": envelope["source"],
        "detail": json.dumps(detail),
    }
    expires_at = arrived_ms // 1000 + kept_seconds
    return {name: {"S": value} for name, value in fields.items()} | {"expiresAt": {"N": str(expires_at)}}


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
