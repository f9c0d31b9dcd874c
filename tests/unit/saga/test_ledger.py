"""A State lies flat in its item beside the ledger's own fields, so it can have none of theirs."""

import types
from typing import Any

import pytest
from msgspec import field
from msgspec.structs import fields
from support.given import a

from contracts.events import PaymentOK
from saga.event import Metadata
from saga.ledger import Entry, State

LEDGERS_OWN = [each.name for each in fields(Entry)]


@pytest.mark.parametrize("name", LEDGERS_OWN)
def test_a_state_with_a_field_of_the_ledgers_is_refused_when_its_class_is_made(name: str) -> None:
    """`version` above all: it would replace the lock, and two writers from one version would both succeed."""
    with pytest.raises(TypeError, match="Points: the ledger has"):
        types.new_class("Points", (State,), {"frozen": True}, lambda body: body.update(__annotations__={name: int}))


def test_the_name_in_the_item_counts() -> None:
    with pytest.raises(TypeError, match="Points: the ledger has heard, version of its own"):

        class Points(State, frozen=True):
            revision: int = field(name="version")
            seen: int = field(name="heard")


def test_every_other_name_is_free() -> None:
    class Points(State, frozen=True):
        revision: int = 1

    points: Any = Points(status="EARNED")
    assert points.revision == 1


def test_a_state_of_no_known_version_of_the_order_contradicts_nothing() -> None:
    event = a(PaymentOK, metadata=Metadata(answers="this"))
    assert not State(status="ANY").contradicts(event)
    assert State(status="ANY", answers="another").contradicts(event)
