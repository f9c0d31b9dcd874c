"""Orders are placed once, also where AWS fails at the API's first answers."""

from typing import Any

import pytest

from sagactl.errors import SagaError
from sagactl.stack import api, entries, shop
from sagactl.stack.api import Unavailable

STACK: Any = None
WANTED: dict[str, Any] = {}
PLACED = (202, {"orderId": "one", "status": "PENDING"})
FAILED = (503, {"problems": ["orderId: told to nobody"], "orderId": "one"})
BROKEN = (502, {"message": "Internal server error"})
REFUSED = (400, {"problems": ["amount: missing"]})

type Answers = list[tuple[int, dict[str, Any]]]


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The Idempotency-Keys of the POSTs that the API gets."""
    monkeypatch.setattr(shop, "PAUSE_SECONDS", 0)
    return []


def answering(monkeypatch: pytest.MonkeyPatch, keys: list[str], answers: Answers) -> None:
    left = iter(answers)

    def call(_stack: Any, _method: str, _path: str, headers: dict[str, str], _body: str) -> tuple[int, dict[str, Any]]:
        keys.append(headers["Idempotency-Key"])
        return next(left)

    monkeypatch.setattr(api, "_call", call)


@pytest.mark.parametrize("failures", [[], [FAILED], [BROKEN, FAILED]])
def test_a_post_that_aws_fails_at_is_repeated_with_its_key(
    monkeypatch: pytest.MonkeyPatch, keys: list[str], failures: Answers
) -> None:
    answering(monkeypatch, keys, [*failures, PLACED])
    assert shop.place(STACK, WANTED, "api") == "one"
    assert (len(keys), len(set(keys))) == (len(failures) + 1, 1)
    assert all(keys)


def test_other_orders_have_other_keys(monkeypatch: pytest.MonkeyPatch, keys: list[str]) -> None:
    answering(monkeypatch, keys, [PLACED, PLACED, PLACED])
    for _ in range(2):
        shop.place(STACK, WANTED, "api")
    shop.place(STACK, WANTED, "api", "mine")
    assert len(set(keys)) == 3
    assert keys[-1] == "mine"


def test_a_post_that_fails_for_long_names_the_order(monkeypatch: pytest.MonkeyPatch, keys: list[str]) -> None:
    answering(monkeypatch, keys, [FAILED] * shop.POSTS_MAX)
    with pytest.raises(Unavailable, match=r"503: orderId: told to nobody\. The order is one\. .* saga trace one\."):
        shop.place(STACK, WANTED, "api")


def test_what_is_refused_is_not_repeated(monkeypatch: pytest.MonkeyPatch, keys: list[str]) -> None:
    answering(monkeypatch, keys, [REFUSED])
    with pytest.raises(SagaError, match="amount: missing"):
        shop.place(STACK, WANTED, "api")
    assert len(keys) == 1


def test_an_order_is_cancelled_before_it_can_ship(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shipping has decided before anybody hears of the order."""
    happened: list[str] = []
    decided = iter([None, None, "FAILED"])

    def look(*_: object) -> str | None:
        status = next(decided)
        happened.append(f"shipping is {status}")
        return status

    monkeypatch.setattr(shop, "LOOK_SECONDS", 0)
    monkeypatch.setattr(shop, "_tell", lambda _, event: happened.append(event.name))
    monkeypatch.setattr(entries, "state_of", look)
    shop.place_cancelled(STACK, {"productId": "apple", "quantity": 1, "amount": 1})
    assert happened == ["OrderCancelled", *["shipping is None"] * 2, "shipping is FAILED", "OrderCreated"]
