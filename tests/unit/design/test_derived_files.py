"""What is derived from the code is what the code says, and what the formats' own authors take for valid."""

import json

import pytest
from jsonschema import Draft7Validator, Draft202012Validator
from openapi_spec_validator import validate
from support.answers import exactly, validator

from contracts.events import EVENTS
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


def test_the_openapi_document_is_valid() -> None:
    validate(openapi.document())


@pytest.mark.parametrize("name", EVENTS)
def test_a_schema_is_valid_and_takes_its_sample(name: str) -> None:
    described, sample = schema(EVENTS[name]), exactly(samples.detail(name))
    Draft202012Validator.check_schema(described)
    assert list(validator(described).iter_errors(sample)) == []
    for field in described["required"]:
        assert not validator(described).is_valid({other: value for other, value in sample.items() if other != field})
