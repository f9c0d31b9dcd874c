"""What the journal's table holds: an item per event, one per order, and one per batch that was written.

An event is under its order and `timestamp#id`. The order's summary, under `summary`, has the time at which each event
was first told, by the event's name, and the order's state as far as its events tell it; a sparse index, `orders`, has
the summaries by state and by when the order was opened. A batch's item, under its day, names the events that the batch
wrote, and so lists what has arrived since a given time. State and day are spread over shards, and nothing is scanned.
"""

import json
import zlib
from collections.abc import Container, Iterable, Sequence
from datetime import UTC, datetime, timedelta
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
CLAIM_OLDEST = timedelta(days=14)
CLAIM_AHEAD = timedelta(minutes=1)
STATES = ("PENDING", "FAILING", "COMPLETED", "FAILED")

_FAILING = (PaymentFail, StockFailed, ShipmentFail, PaymentCancel, StockRelease)
STATE_AFTER = {event.name: "FAILING" for event in _FAILING} | {
    ShipmentOK.name: "COMPLETED",
    OrderFailed.name: "FAILED",
}


def shards(prefix: str) -> list[str]:
    """Returns the keys that together hold all of a state, or all of a day."""
    return [f"{prefix}#{shard}" for shard in range(SHARDS)]


def sharded(prefix: str, order_id: str) -> str:
    """Returns the one of `shards` that an order is in."""
    return f"{prefix}#{zlib.crc32(order_id.encode()) % SHARDS}"


def journal_entry(envelope: dict[str, Any], arrived_ms: int, kept_seconds: int) -> dict[str, Any]:
    """Returns the event as an item.

    Items are sorted by the detail's timestamp, because EventBridge's own time has whole seconds only. An item says how
    many fields were left out because they were too large.
    """
    detail = envelope["detail"]
    arrived_at = Timestamp.of(datetime.fromtimestamp(arrived_ms / 1000, UTC))
    told_at = _told_at(detail.get("timestamp"), arrived_at)
    order_id = _order_id(detail["orderId"])
    kept = _small_enough(detail, _known_fields(envelope["detail-type"]))
    texts = {
        "orderId": order_id,
        "sort": f"{told_at}#{envelope['id']}",
        "toldAt": told_at,
        "arrivedAt": arrived_at,
        "eventId": envelope["id"],
        "detailType": envelope["detail-type"],
        "source": envelope["source"],
        "detail": in_utf8(kept).decode(),
    }
    numbers = {"expiresAt": arrived_ms // 1000 + kept_seconds}
    if len(kept) < len(detail):
        numbers["fieldsLeftOut"] = len(detail) - len(kept)
    return _item(texts, numbers)


def _told_at(claimed: Any, arrived_at: Timestamp) -> Timestamp:
    """Returns when the event says that it was told, or else when it arrived, if that cannot be true.

    No queue keeps an event for longer than CLAIM_OLDEST, and no clock of AWS's is as wrong as CLAIM_AHEAD.
    """
    try:
        claim = Timestamp.parse(claimed)
    except ValueError:
        return arrived_at
    age = datetime.fromisoformat(arrived_at) - datetime.fromisoformat(claim)
    return claim if -CLAIM_AHEAD <= age <= CLAIM_OLDEST else arrived_at


def _order_id(claimed: Any) -> str:
    """Returns the id as the services read it, so that each way to write a UUID is the same order."""
    try:
        return str(from_builtins(claimed, UUID))
    except ValueError:
        return str(claimed).lower()


def _small_enough(detail: dict[str, Any], known: Container[str]) -> dict[str, Any]:
    """Returns the detail without its largest unknown fields, if it has more bytes than an item may."""
    if len(in_utf8(detail)) <= DETAIL_BYTES_MAX:
        return detail
    sizes = {name: len(in_utf8({name: value})) for name, value in detail.items()}
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


def in_utf8(value: Any) -> bytes:
    """Returns a value as JSON in UTF-8, a third the size of escapes.

    Half a surrogate pair, for which UTF-8 has no form, stays escaped.
    """
    return json.dumps(value, ensure_ascii=False).encode(errors="backslashreplace")


def summary(entries: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Returns UpdateItem's arguments for an order's summary, given events of the order.

    With `opened_earlier` after each, such updates commute: in whatever order events arrive, and together with
    whichever others, they leave the same. Only `expiresAt` is that of the last, and of an event that comes again with
    another time, as one does that is replayed after CLAIM_OLDEST, the first time stays.
    """
    told_at = _first_told(entries)
    state = max((STATE_AFTER.get(name, _ADVANCE[0]) for name in told_at), key=_ADVANCE.index)
    updates = ["expiresAt = :expires", *_KEEPING_THE_FURTHEST[state]]
    values = {
        ":expires": max((entry["expiresAt"] for entry in entries), key=lambda value: int(value["N"])),
        ":state": {"S": sharded(state, entries[0]["orderId"]["S"])},
        ":opened": {"S": _opened(entries)},
    }
    if OrderCreated.name in told_at:
        updates += ["opened = if_not_exists(created, :opened)", "created = if_not_exists(created, :opened)"]
    else:
        updates.append("opened = if_not_exists(opened, :opened)")
    names = {}
    for number, name in enumerate(filter(_is_kept, told_at)):
        updates.append(f"#event{number} = if_not_exists(#event{number}, :at{number})")
        names[f"#event{number}"] = name
        values[f":at{number}"] = {"S": told_at[name]}
    update: dict[str, Any] = {
        "Key": {"orderId": entries[0]["orderId"], "sort": {"S": SUMMARY}},
        "UpdateExpression": f"SET {', '.join(updates)}",
        "ExpressionAttributeValues": values,
        "ReturnValues": "ALL_NEW",
    }
    if names:
        update["ExpressionAttributeNames"] = names
    return update


def opened_earlier(entries: Sequence[dict[str, Any]], updated: dict[str, Any]) -> dict[str, Any] | None:
    """Returns UpdateItem's arguments if the events were told before the summary, as updated, says the order was opened.

    OrderCreated says when that was. Without it, the first event told does, and that may arrive late.
    """
    opened = _opened(entries)
    if OrderCreated.name in updated or updated["opened"]["S"] <= opened:
        return None
    return {
        "Key": {"orderId": entries[0]["orderId"], "sort": {"S": SUMMARY}},
        "UpdateExpression": "SET opened = :opened",
        "ConditionExpression": f"opened > :opened AND attribute_not_exists({OrderCreated.name})",
        "ExpressionAttributeValues": {":opened": {"S": opened}},
    }


def batch_entry(entries: Sequence[dict[str, Any]], written_at: Timestamp) -> dict[str, Any]:
    """Returns the item that names the events of a batch. Readers ignore an event that another batch named before."""
    first_id = entries[0]["eventId"]["S"]
    texts = {
        "orderId": sharded(batches_of(written_at[:10]), first_id),
        "sort": f"{written_at}#{first_id}",
        "events": json.dumps([[entry[name]["S"] for name in NAMED] for entry in entries], separators=(",", ":")),
    }
    return _item(texts, {"expiresAt": max(int(entry["expiresAt"]["N"]) for entry in entries)})


NAMED = ("orderId", "eventId", "detailType", "source", "toldAt")
"""What a batch's item has of each event, in this order."""


def batches_of(day: str) -> str:
    """Returns the prefix of the keys under which a day's batches are, such as 2026-01-31."""
    return f"batches#{day}"


# FAILING replaces PENDING, FAILED replaces both, and COMPLETED replaces all, in whichever order the events arrive.
# `closedAs` keeps how the order was closed, for the events that arrive later.
_ADVANCE = ("PENDING", "FAILING", "FAILED", "COMPLETED")
_KEEPING_THE_FURTHEST = {
    "PENDING": ["stateShard = if_not_exists(stateShard, :state)"],
    "FAILING": ["stateShard = if_not_exists(closedAs, :state)"],
    "FAILED": ["stateShard = if_not_exists(closedAs, :state)", "closedAs = if_not_exists(closedAs, :state)"],
    "COMPLETED": ["stateShard = :state", "closedAs = :state"],
}


def _opened(entries: Sequence[dict[str, Any]]) -> str:
    """Returns when the order was opened, as far as these events say."""
    told_at = _first_told(entries)
    return f"{told_at.get(OrderCreated.name, min(told_at.values()))}#{entries[0]['orderId']['S']}"


def _first_told(entries: Iterable[dict[str, Any]]) -> dict[str, str]:
    """Returns when each event was told, by its name."""
    told_at: dict[str, str] = {}
    for entry in entries:
        name = entry["detailType"]["S"]
        at = entry["toldAt"]["S"]
        told_at[name] = min(at, told_at.get(name, at))
    return told_at


def _is_kept(name: str) -> bool:
    """Returns whether a summary has this event's time. Its own attributes begin with a small letter."""
    return name[:1].isupper()


def _item(texts: dict[str, str], numbers: dict[str, int]) -> dict[str, Any]:
    item = {name: {"S": value} for name, value in texts.items()}
    return item | {name: {"N": str(value)} for name, value in numbers.items()}
