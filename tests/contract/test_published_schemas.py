"""What is valid fits the published schemas, too, whoever validates: every amount above all, read as a float."""

from collections.abc import Callable
from typing import Any

import pytest
from support.validators import Case, refused_by_ajv, refused_by_jsonschema

from contracts.events import EVENTS
from sagactl.design import samples
from sagactl.paths import PROJECT

type Validate = Callable[[list[Case]], list[list[Any]]]

CENTS = [*range(1, 1_001), 99_999_999, 100_000_007, 999_999_999_929, 999_999_999_999]
NO_AMOUNTS = [0.009, -1, 10_000_000_000, "12", True, None]
REQUEST = {"productId": "item-001", "quantity": 2, "amount": 1000}
METADATA = {"causationId": "d7c4…🦊", "hops": 16}
OTHERWISE = {  # what the services take as well, by field
    "orderId": samples.ORDER_ID.upper(),
    "quantity": 2.0,
    "reason": "品切れ 🦊",
    "timestamp": "2026-01-31T12:00:00.000+14:00",
}


@pytest.fixture(params=[refused_by_jsonschema, refused_by_ajv], ids=["jsonschema", "ajv"])
def refused(request: pytest.FixtureRequest) -> Validate:
    validate: Validate = request.param
    return validate


def test_what_is_valid_is_taken(refused: Validate) -> None:
    cases = [case("openapi.json", "/components/schemas/PlaceOrder", valid(REQUEST))]
    for name in EVENTS:
        values = valid(samples.detail(name) | {"metadata": METADATA})
        cases.append(case(f"schemas/{name}.json", "", values))
        cases.append(case("asyncapi.json", f"/components/schemas/{name}", values))
    assert refused(cases) == [[] for _ in cases]


def test_an_amount_that_is_none_is_not(refused: Validate) -> None:
    orders = [REQUEST | {"amount": amount} for amount in NO_AMOUNTS]
    assert refused([case("openapi.json", "/components/schemas/PlaceOrder", orders)]) == [orders]


def case(document: str, pointer: str, values: list[Any]) -> Case:
    return Case(PROJECT / "events" / document, pointer, values)


def valid(sample: dict[str, Any]) -> list[dict[str, Any]]:
    """Returns the sample, and what else is valid: each time with another value of one field, or with one more."""
    found = [sample, sample | {"unknown": [None]}]
    found += [sample | {name: value} for name, value in OTHERWISE.items() if name in sample]
    if "amount" in sample:
        found += [sample | {"amount": cents / 100} for cents in CENTS]
    return found
