"""Bad input to the deployed API is answered by the right 4xx with every problem named, and is not recorded."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from support.driver import Saga

from sagactl.design.ways import PRODUCT
from sagactl.stack.deployed_stack import Stack

GOOD = {"productId": PRODUCT, "quantity": 2, "amount": 1000}
JSON = {"Content-Type": "application/json"}


def changed(**fields: Any) -> bytes:
    return json.dumps(GOOD | fields).encode()


def without(field: str) -> bytes:
    return json.dumps({name: value for name, value in GOOD.items() if name != field}).encode()


CASES: dict[str, tuple[bytes, dict[str, str], int, list[str]]] = {
    # what: body, headers, status, and how each problem named begins
    **{f"no {field}": (without(field), JSON, 400, [f"{field}: missing"]) for field in GOOD},
    "empty object": (b"{}", JSON, 400, ["productId: ", "quantity: ", "amount: "]),
    "wrong types": (
        changed(productId=1, quantity="2", amount="9"),
        JSON,
        400,
        ["productId: ", "quantity: ", "amount: "],
    ),
    "true is no number": (changed(quantity=True, amount=True), JSON, 400, ["quantity: ", "amount: "]),
    "too small": (changed(quantity=0, amount=0), JSON, 400, ["quantity: ", "amount: "]),
    "too large": (changed(quantity=10_001, amount=10_000_000_000), JSON, 400, ["quantity: ", "amount: "]),
    "three decimals": (changed(amount=1.001), JSON, 400, ["amount: "]),
    "NaN": (changed(amount=float("nan")), JSON, 400, ["amount: "]),
    "Infinity": (changed(amount=float("inf")), JSON, 400, ["amount: "]),
    "1e400": (changed().replace(b"1000", b"1e400"), JSON, 400, ["amount: "]),
    "a number of 400 digits": (changed(quantity=10**400), JSON, 400, ["quantity: "]),
    "a product of 60,000 letters": (changed(productId="a" * 60_000), JSON, 400, ["productId: "]),
    "control characters": (changed(productId="a\n\u0000"), JSON, 400, ["productId: "]),
    "nested": (changed(amount={"a": {"b": [1]}}), JSON, 400, ["amount: "]),
    "nested 20,000 deep": (b'{"amount": ' + b"[" * 20_000 + b"]" * 20_000 + b"}", JSON, 400, ["body: "]),
    "a list": (b"[]", JSON, 400, ["expected an object"]),
    "not JSON": (b'{"productId": ', JSON, 400, ["body: not valid JSON"]),
    "nothing": (b"", JSON, 400, ["body: not valid JSON"]),
    "over 64 KB": (changed(note="a" * 65_536), JSON, 413, ["body: over 65536 bytes"]),
    "no content type": (changed(), {}, 415, ["Content-Type: "]),
    "another content type": (changed(), {"Content-Type": "text/plain"}, 415, ["Content-Type: "]),
    "a form": (b"productId=item-001", {"Content-Type": "application/x-www-form-urlencoded"}, 415, ["Content-Type: "]),
    "empty key": (changed(), JSON | {"Idempotency-Key": ""}, 400, ["Idempotency-Key: "]),
    "key of 256": (changed(), JSON | {"Idempotency-Key": "k" * 256}, 400, ["Idempotency-Key: "]),
}


@pytest.fixture(scope="module", autouse=True)
def nothing_is_recorded(stack: Stack) -> Iterator[None]:
    def recorded() -> int:
        pages = stack.client("dynamodb").get_paginator("scan").paginate(TableName=stack.table("order"))
        return sum(page["Count"] for page in pages)

    before = recorded()
    yield
    assert recorded() == before


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_refused_with_every_problem_named(saga: Saga, case: str) -> None:
    body, headers, status, beginnings = CASES[case]
    answer = httpx.post(f"{saga.stack.api_url}/orders", content=body, headers=headers, trust_env=False)
    problems = answer.json()["problems"]
    assert answer.status_code == status
    assert len(problems) == len(beginnings), problems
    assert all(problem.startswith(begin) for problem, begin in zip(problems, beginnings, strict=True)), problems
    assert "Traceback" not in answer.text


@pytest.mark.parametrize("order_id", ["00000000-0000-4000-8000-000000000000", "none", "'; --"])
def test_an_unknown_order_is_not_found(saga: Saga, order_id: str) -> None:
    answer = httpx.get(f"{saga.stack.api_url}/orders/{order_id}", trust_env=False)
    assert (answer.status_code, answer.json()["problems"]) == (404, ["orderId: no such order"])
