"""A sample of every event, made from the event types: as EventBridge delivers it, and as it is put on the bus."""

import json
import uuid
from typing import Any

from contracts.events import EVENTS
from saga.event import Event, Timestamp
from saga.serialization import parse, to_json
from sagactl.design.schemas import schema
from sagactl.design.template import TEMPLATE

ORDER_ID = "5a9a0001-0000-4000-8000-000000000001"
_VALUES: dict[str, Any] = {
    "timestamp": "2026-01-31T12:00:00.000Z",
    "productId": "item-001",
    "quantity": 2,
    "amount": 1000,
    "reason": "a sample",
}


def event(name: str, order_id: str = ORDER_ID, timestamp: str = _VALUES["timestamp"]) -> Event:
    """Returns the event with its public fields, as one may put it on the bus by hand. Raises Refused."""
    values = _VALUES | {"eventType": name, "orderId": order_id, "timestamp": timestamp}
    properties = schema(EVENTS[name])["properties"]
    public = {field: values.get(field, _any(of)) for field, of in properties.items() if field != "metadata"}
    return parse(public, EVENTS[name])


def _any(of: dict[str, Any]) -> Any:
    """Returns a value that fits the schema, for a field that no sample is chosen for."""
    if "anyOf" in of:
        return _any(of["anyOf"][0])
    if "enum" in of:
        return of["enum"][0]
    if "minimum" in of:
        return of["minimum"]
    return {"string": "sample", "boolean": True}.get(of.get("type", ""), 1)


def detail(name: str, order_id: str = ORDER_ID, timestamp: str = _VALUES["timestamp"]) -> dict[str, Any]:
    sample: dict[str, Any] = json.loads(to_json(event(name, order_id, timestamp)))
    return sample


def envelope(name: str) -> dict[str, Any]:
    """Returns the event as a Lambda function receives it, for `sam local invoke -e`."""
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
    """Returns the event as `aws events put-events --entries` takes it."""
    text = json.dumps(detail(name, order_id, timestamp))
    return [{"EventBusName": bus, "Source": EVENTS[name].source, "DetailType": name, "Detail": text}]


def fresh_entries(name: str, bus: str, order_id: str | None = None) -> list[dict[str, str]]:
    """Returns entries with the time of now, of a new order unless one is given."""
    return entries(name, bus, order_id or str(uuid.uuid4()), Timestamp.now())


def sample_entries(name: str) -> list[dict[str, str]]:
    return entries(name, TEMPLATE["Parameters"]["BusName"]["Default"], ORDER_ID, _VALUES["timestamp"])
