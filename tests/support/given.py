"""What the tests are given: events with fields that do not matter to them, and envelopes around events."""

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
    """An event; what is not given is as good as any other."""
    return event(**{f.name: _FIELDS[f.name] for f in fields(event) if f.name in _FIELDS} | given)


def detail(event: Event) -> dict[str, Any]:
    """The event's fields as Lambda hands them over, parsed from JSON."""
    parsed: dict[str, Any] = json.loads(to_json(event))
    return parsed


def envelope(event: Event, event_id: str = "11111111-aaaa-4aaa-8aaa-111111111111", **other: Any) -> Any:
    """The event as EventBridge delivers it; `other` replaces what the envelope says."""
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
    """What is wrong with it, for which it is refused."""
    with pytest.raises(Refused) as refused:
        parse(raw, event)
    return refused.value.problems


def named(value: object) -> str:
    """A value of a table's row, as it is called in the test's id."""
    if isinstance(value, State | Event):
        return value.status if isinstance(value, State) else value.name
    return value.__name__ if isinstance(value, type) else "-" if value is None else str(value)


def every_case(state: type[State], *reactions: Any) -> set[tuple[str | None, str]]:
    """Each status a service can be in, or none, with each event that its reactions hear."""
    statuses = [None, *get_args(get_type_hints(state)["status"])]
    heard = [event.name for reaction in reactions for event in hears(reaction)]
    return {(status, event) for status in statuses for event in heard}


def cases(table: list[Any]) -> set[tuple[str | None, str]]:
    """Those that the rows of a table, which start with given and when, are about."""
    return {(given and given.status, when.name) for given, when, *_ in table}
