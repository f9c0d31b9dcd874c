"""Events: which values each field accepts and refuses, and how an event survives being told and heard."""

import itertools
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import FieldInfo, fields, replace
from support.given import AT, ORDER_ID, a, detail, problems

from contracts.events import EVENTS, OrderCreated, PaymentCancel
from contracts.values import Amount, AmountOrZero, ProductId, Quantity, QuantityOrZero, Reason
from saga.bus import ENTRIES_MAX
from saga.event import HOPS_MAX, Event, Metadata, OrderId, Timestamp
from saga.serialization import parse, to_json

WIDEST = "\N{PILE OF POO}"  # four bytes
NAN = float("nan")
INFINITY = float("inf")

# By type. Every field of every event has one of these.
ACCEPTED: dict[Any, list[Any]] = {
    OrderId: [str(ORDER_ID), str(ORDER_ID).upper()],
    Amount: [0.01, 1, 1.0, 0.1, 19.99, 1234567890.12, 9999999999.99],
    AmountOrZero: [0, 0.0, 0.01, 9999999999.99],
    Quantity: [1, 1.0, 10_000],
    QuantityOrZero: [0, 1, 10_000],
    ProductId: ["a", "A.b_c-9", "a" * 64],
    ProductId | None: [None, "a", "a" * 64],
    Reason: ["", "a" * 100, WIDEST * 100],
    Reason | None: [None, "a" * 100, WIDEST * 100],
    Timestamp: [AT, "2026-01-31T13:00:00+01:00", "2026-01-31T12:00:00Z"],
    Metadata | None: [None, {}, {"hops": 0}, {"causationId": None}, {"causationId": WIDEST * 128, "hops": HOPS_MAX}],
}
NOT_AN_OBJECT: list[Any] = ["", "a", True, 1, 0.5, [], [{}]]
NOT_TEXT: list[Any] = [True, 0, 1, 1.5, [], ["a"], {}, {"a": 1}]
NOT_A_NUMBER: list[Any] = [
    None,
    True,
    False,
    "",
    "1",
    "1.00",
    [],
    [1],
    {},
    NAN,
    INFINITY,
    -INFINITY,
    json.loads("1e400"),
]
NOT_AN_AMOUNT = [
    *NOT_A_NUMBER,
    -0.01,
    -1,
    9999999999.995,
    10_000_000_000,
    10**400,
    1e300,
    0.001,
    1.001,
    1e-400 + 1e-300,
]
NOT_A_QUANTITY = [*NOT_A_NUMBER, -1, 0.5, 1.5, 10_001, 10**400, 1e300]
LONE_SURROGATE = json.loads(r'"\ud800"')  # JSON can say it, UTF-8 cannot
WILD = ["\x00", "a\n", "\x1b[31m", "\x7f", "\x9b", LONE_SURROGATE]
NOT_A_PRODUCT = [*NOT_TEXT, "", "a" * 65, "a b", "a\n", "\n", "a/b", "ä", "\x00", LONE_SURROGATE]
NOT_HOPS: list[Any] = [None, -1, 0.5, HOPS_MAX + 1, "1", True, NAN, INFINITY, [], 10**400]
REFUSED: dict[Any, list[Any]] = {
    OrderId: [
        None,
        *NOT_TEXT,
        "",
        "a",
        str(ORDER_ID)[:-1],
        f"{ORDER_ID}0",
        f"{ORDER_ID}\n",
        f"{{{ORDER_ID}}}",
        LONE_SURROGATE,
    ],
    Amount: [*NOT_AN_AMOUNT, 0, 0.0, -0.0],
    AmountOrZero: NOT_AN_AMOUNT,
    Quantity: [*NOT_A_QUANTITY, 0],
    QuantityOrZero: NOT_A_QUANTITY,
    ProductId: [None, *NOT_A_PRODUCT],
    ProductId | None: NOT_A_PRODUCT,
    Reason: [None, *NOT_TEXT, "a" * 101, *WILD],
    Reason | None: [*NOT_TEXT, "a" * 101, *WILD],
    Timestamp: [
        None,
        *NOT_TEXT,
        "",
        "now",
        "2026-01-31",
        "2026-01-31T12:00:00",
        "2026-02-30T12:00:00Z",
        f"{AT}\n",
        LONE_SURROGATE,
    ],
    Metadata | None: [
        *NOT_AN_OBJECT,
        *[{"hops": hops} for hops in NOT_HOPS],
        *[{"causationId": cause} for cause in ("a" * 129, *WILD, *NOT_TEXT)],
    ],
}


def fields_of(event: type[Event]) -> list[Any]:
    return [pytest.param(event, field, id=f"{event.name}.{field.encode_name}") for field in fields(event)]


EVERY_FIELD = list(itertools.chain.from_iterable(map(fields_of, EVENTS.values())))
EVERY_EVENT = pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)


@pytest.mark.parametrize(("event", "field"), EVERY_FIELD)
def test_a_field_within_its_limits_is_accepted(event: type[Event], field: FieldInfo) -> None:
    for value in ACCEPTED[field.type]:
        parse(detail(a(event)) | {field.encode_name: value}, event)


@pytest.mark.parametrize(("event", "field"), EVERY_FIELD)
def test_a_field_beyond_its_limits_is_refused_by_name(event: type[Event], field: FieldInfo) -> None:
    for value in REFUSED[field.type]:
        (problem,) = problems(detail(a(event)) | {field.encode_name: value}, event)
        assert problem.startswith(f"{field.encode_name}: "), value
        assert len(problem) <= 120, value


@pytest.mark.parametrize(("event", "field"), EVERY_FIELD)
def test_only_metadata_and_a_compensations_reason_are_optional(event: type[Event], field: FieldInfo) -> None:
    raw = detail(replace(a(event), metadata=Metadata()))
    del raw[field.encode_name]
    if field.type == Metadata | None:
        assert parse(raw, event) == a(event)
    elif field.type == Reason | None:
        assert parse(raw, event) == replace(a(event), metadata=Metadata(), reason=None)
    else:
        assert problems(raw, event) == [f"{field.encode_name}: missing"]


AMOUNTS = st.integers(1, 10**12 - 1).map(lambda cents: Decimal(cents) / 100)
TEXT = st.characters(exclude_categories=["Cc", "Cs"])
PRODUCTS = st.from_regex(r"[A-Za-z0-9._-]{1,64}", fullmatch=True)
VALUES: dict[Any, st.SearchStrategy[Any]] = {
    OrderId: st.uuids(),
    Amount: AMOUNTS.map(Amount),
    AmountOrZero: AMOUNTS.map(AmountOrZero) | st.just(AmountOrZero(0)),
    Quantity: st.integers(1, 10_000),
    QuantityOrZero: st.integers(0, 10_000),
    ProductId: PRODUCTS,
    ProductId | None: PRODUCTS | st.none(),
    Reason: st.text(TEXT, max_size=100),
    Reason | None: st.text(TEXT, max_size=100) | st.none(),
    Timestamp: st.datetimes(timezones=st.timezones()).filter(lambda moment: 1 < moment.year < 9999).map(Timestamp.of),
    Metadata | None: st.none() | st.builds(Metadata, st.none() | st.text(TEXT, max_size=128), st.integers(0, HOPS_MAX)),
}


def events(event: type[Event]) -> st.SearchStrategy[Event]:
    return st.builds(event, **{field.name: VALUES[field.type] for field in fields(event)})


@settings(deadline=None)
@given(st.one_of(*map(events, EVENTS.values())))
def test_an_event_is_heard_as_it_was_told(event: Event) -> None:
    raw = json.loads(to_json(event))
    assert raw["eventType"] == event.name
    assert parse(raw, type(event)) == event


@EVERY_EVENT
def test_the_largest_event_is_under_2_kb(event: type[Event]) -> None:
    raw = {field.encode_name: ACCEPTED[field.type][-1] for field in fields(event)}
    size = len(to_json(parse(raw | {"eventType": event.name}, event)))
    assert size < 2_000
    assert size * ENTRIES_MAX < 256_000


def test_an_order_begins_with_order_created_alone() -> None:
    assert [event.name for event in EVENTS.values() if event.opens] == ["OrderCreated"]


TELLERS = {"Order": "order", "Payment": "payment", "Stock": "inventory", "Shipment": "shipping"}


@pytest.mark.parametrize(("subject", "teller"), TELLERS.items())
def test_an_event_is_told_by_the_owner_of_what_it_is_about(subject: str, teller: str) -> None:
    sources = {event.source for event in EVENTS.values() if event.name.startswith(subject)}
    assert sources == {f"saga.{teller}"}


def test_a_pattern_is_said_in_words() -> None:
    wrong = {"productId": "a b", "metadata": {"causationId": "\n"}}
    assert problems(detail(a(OrderCreated)) | wrong, OrderCreated) == [
        "productId: Expected `str` of 1 to 64 letters, digits, '.', '_', '-'",
        "metadata: Expected `str` without control characters - at `$.causationId`",
    ]


def test_a_cancelled_payment_may_give_back_nothing() -> None:
    assert detail(a(PaymentCancel, refunded=AmountOrZero(0)))["amount"] == 0
