"""The samples in events/ are those of the event types: services that hear them accept them, and the bus takes them."""

import json
from typing import Any
from uuid import UUID

import botocore.session
import pytest
from botocore.validate import validate_parameters
from msgspec.structs import fields

from contracts.events import EVENTS
from saga.bus import ENTRIES_MAX
from saga.serialization import parse
from sagactl.design import samples
from sagactl.design.template import TEMPLATE
from sagactl.local.functions import load
from sagactl.paths import PROJECT

FOLDER = PROJECT / "events"
SERVICES = {name: load(f"{name}.app").service for name in ("order", "payment", "inventory", "shipping")}
PUT_EVENTS: Any = botocore.session.Session().get_service_model("events").operation_model("PutEvents").input_shape


def sample(path: str) -> Any:
    return json.loads((FOLDER / path).read_text())


@pytest.mark.parametrize("name", EVENTS)
def test_an_envelope_is_its_event(name: str) -> None:
    envelope = sample(f"{name}.json")
    assert (envelope["detail-type"], envelope["source"]) == (name, EVENTS[name].source)
    event = parse(envelope["detail"], EVENTS[name])
    assert event.order_id == UUID(samples.ORDER_ID)
    public = {field.encode_name for field in fields(EVENTS[name])} - {"metadata"}  # which only a service knows
    assert envelope["detail"].keys() == {"eventType"} | public


@pytest.mark.parametrize(("service", "name"), [(s, name) for s in SERVICES for name in SERVICES[s].reactions])
def test_a_service_takes_each_envelope_that_it_hears(service: str, name: str) -> None:
    assert type(SERVICES[service]._read(sample(f"{name}.json"))) is EVENTS[name]


@pytest.mark.parametrize("name", EVENTS)
def test_entries_are_what_the_bus_takes(name: str) -> None:
    entries = sample(f"entries/{name}.json")
    assert 0 < len(entries) <= ENTRIES_MAX
    validate_parameters({"Entries": entries}, PUT_EVENTS)
    for entry in entries:
        assert entry.keys() == {"EventBusName", "Source", "DetailType", "Detail"}
        assert entry["EventBusName"] == TEMPLATE["Parameters"]["BusName"]["Default"]
        assert (entry["DetailType"], entry["Source"]) == (name, EVENTS[name].source)
        assert json.loads(entry["Detail"]) == sample(f"{name}.json")["detail"]
