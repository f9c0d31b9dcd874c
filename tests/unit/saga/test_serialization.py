"""Parsing names every problem at once, and lets unknown fields pass."""

import json
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import fields
from support.given import ORDER_ID, a, detail, problems

from contracts.events import EVENTS, OrderCreated
from saga.event import Event, Metadata
from saga.serialization import parse, to_json

EVERY_EVENT = pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)


@EVERY_EVENT
def test_every_problem_is_named_at_once(event: type[Event]) -> None:
    names = [field.encode_name for field in fields(event)]
    named = [problem.split(":")[0] for problem in problems({name: [] for name in names}, event)]
    assert named == ["eventType", *names]


@EVERY_EVENT
def test_the_event_type_must_be_the_detail_type(event: type[Event]) -> None:
    (other, *_) = EVENTS.keys() - {event.name}
    said = detail(a(event))
    unsaid = {name: value for name, value in said.items() if name != "eventType"}
    for raw in (said | {"eventType": other}, said | {"eventType": None}, unsaid):
        assert problems(raw, event) == [f"eventType: expected '{event.name}'"]


@EVERY_EVENT
@pytest.mark.parametrize("raw", [None, "", "{}", 1, [], [{}]])
def test_a_detail_must_be_an_object(event: type[Event], raw: object) -> None:
    assert problems(raw, event) == [f"expected an object, got {type(raw).__name__}"]


@EVERY_EVENT
def test_unknown_fields_pass(event: type[Event]) -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    more = {"unknown": deep, "": None, "metadata": {"unknown": deep, "hops": 3}}
    assert parse(detail(a(event)) | more, event) == a(event, metadata=Metadata(hops=3))


@pytest.mark.parametrize("depth", [2_000, 100_000])
def test_deep_nesting_is_refused_like_anything_else(depth: int) -> None:
    deep: dict[str, Any] = {}
    for _ in range(depth):
        deep = {"hops": deep}
    names = [field.encode_name for field in fields(OrderCreated)]
    named = [problem.split(":")[0] for problem in problems(dict.fromkeys(names, deep), OrderCreated)]
    assert named == ["eventType", *names]


def test_an_order_id_is_normalised() -> None:
    assert json.loads(to_json(a(OrderCreated, order_id=UUID(str(ORDER_ID).upper()))))["orderId"] == str(ORDER_ID)
    assert parse(detail(a(OrderCreated)) | {"orderId": str(ORDER_ID).upper()}, OrderCreated) == a(OrderCreated)
