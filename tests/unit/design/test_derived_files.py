"""What is derived from the code is what the code says, and what the formats' own authors take for valid."""

import itertools
import json
import re
from typing import get_args, get_type_hints

import pytest
from jsonschema import Draft7Validator, Draft202012Validator
from openapi_spec_validator import validate
from support.answers import exactly, validator

from contracts.events import EVENTS
from order.reactions import Order
from sagactl.checks import derived_files as check
from sagactl.design import asyncapi, choreography, derived_files, openapi, samples
from sagactl.design.schemas import schema
from sagactl.local.asyncapi_schema import SPECIFICATION


def test_everything_derived_is_what_the_code_says() -> None:
    assert list(check.problems()) == []


def test_a_file_of_an_event_that_is_no_more_is_left_over(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = {path: content for path, content in derived_files.files().items() if "OrderExpired" not in path}
    monkeypatch.setattr(derived_files, "files", lambda: kept)
    [problem] = check.problems()
    for path in ("events/OrderExpired.json", "events/entries/OrderExpired.json", "events/schemas/OrderExpired.json"):
        assert path in problem


def test_the_asyncapi_document_is_valid_by_asyncapis_own_schema() -> None:
    specification = Draft7Validator(json.loads(SPECIFICATION.read_text()))
    assert [error.json_path for error in specification.iter_errors(asyncapi.document())] == []


def test_its_operations_are_who_hears_and_tells_what() -> None:
    operations = asyncapi.document()["operations"]
    for service in choreography.services():
        for verb, events in (("hears", choreography.hears_of(service)), ("tells", choreography.tells_of(service))):
            said = operations.get(f"{service}.{verb}", {"messages": []})["messages"]
            assert [message["$ref"].rpartition("/")[2] for message in said] == [event.name for event in events]


def test_a_catalogue_has_a_text_and_tags_for_everything_in_the_asyncapi_document() -> None:
    document = asyncapi.document()
    services = {tag["name"] for tag in document["info"]["tags"]}
    assert services == set(choreography.services())
    for name, message in document["components"]["messages"].items():
        teller, kind = [tag["name"] for tag in message["tags"]]
        assert (teller, kind) == (choreography.service_of(EVENTS[name]), choreography.kind_of(name))
        hearers = ", ".join(choreography.heard_by(name, EVENTS[name].source))
        assert message["summary"].startswith("Told by ")
        assert message["description"].endswith(f"Heard by {hearers or 'no service'}.")
    for name, operation in document["operations"].items():
        assert operation["title"] == "What {} {}".format(*name.split("."))
        assert {tag["name"] for tag in operation["tags"]} <= services


def test_the_openapi_document_is_valid() -> None:
    validate(openapi.document())


def test_a_client_made_from_the_openapi_document_has_names_for_everything() -> None:
    """What client generators name by position, if the document does not: calls, groups of calls, enums, addresses."""
    document = openapi.document()
    tags = {tag["name"] for tag in document["tags"]}
    calls = list(itertools.chain.from_iterable(path.values() for path in document["paths"].values()))
    assert [call["operationId"] for call in calls] == ["placeOrder", "getOrder", "cancelOrder"]
    for call in calls:
        assert call["summary"]
        assert call["tags"]
        assert set(call["tags"]) <= tags
    schemas = document["components"]["schemas"]
    assert schemas["Status"]["enum"] == sorted(get_args(get_type_hints(Order)["status"]))
    assert [name for name, kind in schemas.items() if '"enum"' in json.dumps(kind)] == ["Status"]
    for server in document["servers"]:
        assert set(re.findall(r"{(\w+)}", server["url"])) == set(server.get("variables", {}))


@pytest.mark.parametrize("name", EVENTS)
def test_a_schema_is_valid_and_takes_its_sample(name: str) -> None:
    described, sample = schema(EVENTS[name]), exactly(samples.detail(name))
    Draft202012Validator.check_schema(described)
    assert list(validator(described).iter_errors(sample)) == []
    for field in described["required"]:
        assert not validator(described).is_valid({other: value for other, value in sample.items() if other != field})
