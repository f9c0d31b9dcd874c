"""A sample of every event, made from the event types: as EventBridge delivers it, and as it is put on the bus.

`python -m sagactl.samples` writes them into events/.
"""

import json
import uuid
from pathlib import Path
from typing import Any

import msgspec

from saga.events import EVENTS, Timestamp, parse, to_json
from sagactl.paths import PROJECT

ORDER_ID = "5a9a0001-0000-4000-8000-000000000001"
_VALUES: dict[str, Any] = {
    "timestamp": "2026-01-31T12:00:00.000Z",
    "productId": "item-001",
    "quantity": 2,
    "amount": 1000,
    "reason": "a sample",
}


def detail(name: str, order_id: str = ORDER_ID, timestamp: str = _VALUES["timestamp"]) -> dict[str, Any]:
    """The public fields of the event, held to its type; as a reader may put it on the bus by hand."""
    values = _VALUES | {"eventType": name, "orderId": order_id, "timestamp": timestamp}
    names = ["eventType", *(field.encode_name for field in msgspec.structs.fields(EVENTS[name]))]
    event = parse({field: values[field] for field in names if field in values}, EVENTS[name])
    sample: dict[str, Any] = json.loads(to_json(event))
    return sample


def envelope(name: str) -> dict[str, Any]:
    """The event as a Lambda function receives it, for `sam local invoke -e`."""
    return {
        "version": "0",
        "id": str(uuid.uuid5(uuid.UUID(ORDER_ID), name)),
        "detail-type": name,
        "source": EVENTS[name].source,
        "account": "000000000000",
        "time": "2026-01-31T12:00:00Z",
        "region": "us-east-1",
        "resources": [],
        "detail": detail(name),
    }


def entries(name: str, bus: str, order_id: str, timestamp: str) -> list[dict[str, str]]:
    """The event as `aws events put-events --entries` takes it."""
    text = json.dumps(detail(name, order_id, timestamp))
    return [{"EventBusName": bus, "Source": EVENTS[name].source, "DetailType": name, "Detail": text}]


def fresh_entries(name: str, bus: str, order_id: str | None = None) -> list[dict[str, str]]:
    """Entries that happen now, to a new order unless one is given."""
    return entries(name, bus, order_id or str(uuid.uuid4()), Timestamp.now())


def write(folder: Path = PROJECT / "events") -> None:
    """Writes NAME.json, the envelope, and entries/NAME.json for every event."""
    (folder / "entries").mkdir(parents=True, exist_ok=True)
    for name in EVENTS:
        files = {
            f"{name}.json": envelope(name),
            f"entries/{name}.json": entries(name, "saga", ORDER_ID, _VALUES["timestamp"]),
        }
        for path, content in files.items():
            (folder / path).write_text(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    write()
