"""A timestamp is normalised or refused. An event says which version of its order it follows from."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace
from support.given import a, detail

from contracts.events import OrderCreated, PaymentOK
from contracts.values import Amount
from saga.event import Event, Metadata, Timestamp
from saga.serialization import parse

CREATED = a(OrderCreated)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("2026-01-31T12:00:00.000Z", "2026-01-31T12:00:00.000Z"),
        ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00.000Z"),
        ("2026-01-31T12:00:00.1239+00:00", "2026-01-31T12:00:00.123Z"),
        ("2026-01-31T23:30:00-01:30", "2026-02-01T01:00:00.000Z"),
        ("2026-02-01T00:30:00+05:45", "2026-01-31T18:45:00.000Z"),
    ],
)
def test_a_timestamp_is_normalised(text: str, read: str) -> None:
    assert Timestamp.parse(text) == read


@pytest.mark.usefixtures("far_from_utc")
def test_a_timestamp_is_in_utc() -> None:
    assert Timestamp.of(datetime(2026, 1, 31, 12, 0, tzinfo=UTC)) == "2026-01-31T12:00:00.000Z"
    assert abs(datetime.fromisoformat(Timestamp.now()) - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_timestamp_is_refused_where_utc_has_no_such_year(text: str) -> None:
    expected = "expected an ISO 8601 time with its offset, as 2026-01-31T12:00:00.000Z"
    with pytest.raises(ValueError, match=f"^{expected}$"):
        Timestamp.parse(text)


@pytest.mark.parametrize(
    "another",
    [
        {"order_id": UUID(int=1)},
        {"product_id": "pear"},
        {"quantity": 3},
        {"amount": Amount("49.91")},
    ],
)
def test_another_order_has_another_fingerprint(another: dict[str, Any]) -> None:
    assert replace(CREATED, **another).answers != CREATED.answers


@pytest.mark.parametrize(
    "same",
    [
        {"timestamp": Timestamp("2026-02-01T00:00:00.000Z")},
        {"metadata": Metadata("cause", 3, "0123456789abcdef")},
    ],
)
def test_an_order_told_again_has_the_same_fingerprint(same: dict[str, Any]) -> None:
    assert replace(CREATED, **same).answers == CREATED.answers


@pytest.mark.parametrize("amount", ["49.9", "49.90", "4.99e1"])
def test_an_order_has_the_same_fingerprint_however_its_amount_is_written(amount: Any) -> None:
    raw = detail(CREATED) | {"amount": float(amount)}
    assert parse(raw, OrderCreated).answers == CREATED.answers


def test_a_fingerprint_stays_what_it_is_from_release_to_release() -> None:
    """It is compared with what other releases have told: another one would be a contradiction."""
    assert CREATED.answers == "070811107763e4f9"


def test_what_follows_from_an_order_says_so_in_its_metadata() -> None:
    assert a(PaymentOK).answers is None
    assert a(PaymentOK, metadata=Metadata(answers=CREATED.answers)).answers == CREATED.answers


def test_metadata_that_is_not_known_is_left_out() -> None:
    unknown = Metadata(causation_id=None, hops=0, answers=None, traceparent=None)
    assert detail(a(PaymentOK, metadata=unknown))["metadata"] == {}


def test_code_that_does_not_know_an_optional_field_reads_the_same_facts() -> None:
    class Old(Event, frozen=True, tag="Counted"):
        source = "saga.test"
        units: int

    class New(Event, frozen=True, tag="Counted"):
        source = "saga.test"
        units: int
        colour: str | None = None

    order_id = UUID(int=1)
    at = Timestamp("2026-01-31T12:00:00.000Z")
    assert New(order_id, 3, "red", timestamp=at).facts == Old(order_id, 3, timestamp=at).facts
