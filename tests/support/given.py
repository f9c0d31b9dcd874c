"""What tests are given: events whose fields do not matter to them, and events as EventBridge delivers them."""

import itertools
import json
from typing import Any, get_args, get_type_hints
from uuid import UUID

import pytest
from msgspec.structs import fields

from contracts.values import Amount, AmountOrZero
from saga.event import Event, Timestamp
from saga.ledger import State
from saga.reaction import hears
from saga.serialization import Refused, parse, to_json

ORDER_ID = UUID("5f0c2b1e-8a3d-4c53-9f3b-0e2f7f4d6a91")
AT = Timestamp("2026-01-31T12:00:00.000Z")
REASON = "a reason"

_FIELDS: dict[str, Any] = {
    "order_id": ORDER_ID,
    "product_id": "apple",
    "quantity": 2,
    "amount": Amount("49.9"),
    "refunded": AmountOrZero("49.9"),
    "released_product_id": "apple",
    "released_quantity": 2,
    "reason": REASON,
    "timestamp": AT,
}


def a[E: Event](event: type[E], **given: Any) -> E:
    """An event. Fields that are not given have some valid value."""
    names = {field.name for field in fields(event)}
    some = {name: value for name, value in _FIELDS.items() if name in names}
    return event(**some | given)


def detail(event: Event) -> dict[str, Any]:
    """The event's fields as Lambda hands them over, parsed from JSON."""
    parsed: dict[str, Any] = json.loads(to_json(event))
    return parsed


def envelope(event: Event, event_id: str = "11111111-aaaa-4aaa-8aaa-111111111111", **other: Any) -> Any:
    """The event as EventBridge delivers it. `other` replaces parts of the envelope: `detail_type`, `source`, ..."""
    return {
        "version": "0",
        "id": event_id,
        "detail-type": event.name,
        "source": event.source,
        "account": "123456789012",
        "time": "2026-01-31T12:00:00Z",
        "region": "eu-central-1",
        "resources": [],
        "detail": detail(event),
    } | {name.replace("_", "-"): value for name, value in other.items()}


def problems(raw: object, event: type[Event]) -> list[str]:
    """The problems for which parsing the event's detail is refused."""
    with pytest.raises(Refused) as refused:
        parse(raw, event)
    return refused.value.problems


def named(value: object) -> str:
    """The name of a value in the test's ID."""
    match value:
        case State():
            return value.status
        case Event():
            return value.name
        case type():
            return value.__name__
        case None:
            return "-"
        case _:
            return str(value)


def every_case(state: type[State], *reactions: Any) -> set[tuple[str | None, str]]:
    """Every status that the service gives an order, or none yet, with every event that its reactions hear."""
    statuses = [None, *get_args(get_type_hints(state)["status"])]
    heard = itertools.chain.from_iterable(map(hears, reactions))
    return set(itertools.product(statuses, [event.name for event in heard]))


def cases(table: list[Any]) -> set[tuple[str | None, str]]:
    """The cases that a decision table has; its rows begin with the state given and the event heard."""
    return {(given and given.status, when.name) for given, when, *_ in table}
