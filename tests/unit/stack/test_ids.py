"""Short IDs: the first characters of an order's ID are enough, if no other ID starts with them."""

from typing import Any
from uuid import UUID

import pytest
from support.given import ORDER_ID

from sagactl.errors import SagaError
from sagactl.stack import ids, journal

ID = str(ORDER_ID)
ANOTHER = f"{ID[:-1]}0"
STACK: Any = None  # the journal is the tests' own


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The IDs of the orders in the journal; fill it."""
    known: list[str] = []

    def orders(_: Any, *, limit: int) -> list[journal.Summary]:
        return [journal.Summary(order_id, "PENDING", "", {}) for order_id in known[:limit]]

    monkeypatch.setattr(journal, "orders", orders)
    return known


@pytest.mark.parametrize("text", [ID[:6], ID[:9], ID[:20], ID[:8].upper(), ORDER_ID.hex[:12], ID[:-1]])
def test_the_start_of_an_id_is_enough(known: list[str], text: str) -> None:
    known += [str(UUID(int=7)), ID]
    assert ids.order_id_of(STACK, text) == ID


@pytest.mark.parametrize("text", [ID, ID.upper(), ORDER_ID.hex, f"urn:uuid:{ID}"])
def test_a_whole_id_need_not_be_known(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "orders", None)
    assert ids.order_id_of(STACK, text) == ID


def refused(text: str) -> str:
    with pytest.raises(SagaError) as raised:
        ids.order_id_of(STACK, text)
    return str(raised.value)


def test_an_ambiguous_start_lists_the_candidates(known: list[str]) -> None:
    known += [ANOTHER, str(UUID(int=7)), ID]
    assert refused(ID[:6]) == f"2 IDs start with '{ID[:6]}': {ANOTHER}, {ID}. Give more characters."


def test_not_all_of_many_candidates_are_listed(known: list[str]) -> None:
    known += [str(UUID(int=number)) for number in range(100)]
    assert refused("000000").startswith("100 IDs start with '000000': ")
    assert refused("000000").endswith(f"{UUID(int=4)}, .... Give more characters.")


def test_an_unknown_start_says_where_it_was_looked_for(known: list[str]) -> None:
    known.append(str(UUID(int=7)))
    said = f"No order among the newest 1,000 has an ID that starts with '{ID[:6]}'. List them: saga orders."
    assert refused(ID[:6]) == said


@pytest.mark.parametrize("text", ["", "mine", ID[:5], "abcdeg", f"{ID}0g"])
def test_what_can_not_start_an_id_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "orders", None)
    why = "Give it whole, or at least its first 6 characters; to list them: saga orders."
    assert refused(text) == f"{text!r} is not a valid ID. {why}"
