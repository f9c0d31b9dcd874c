"""An amount stays exact from the JSON number that comes in to the JSON number that goes out; what a key may be."""

import json
import re
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.values import IDEMPOTENCY_KEY, Amount
from saga.serialization import to_json


@pytest.mark.parametrize(
    ("number", "amount", "wire"),
    [
        (0.01, "0.01", b"0.01"),
        (0.1, "0.1", b"0.1"),
        (0.29, "0.29", b"0.29"),
        (1.10, "1.1", b"1.1"),
        (100.0, "100", b"100"),
        (100, "100", b"100"),
        (1e3, "1000", b"1000"),
        (9999999999.99, "9999999999.99", b"9999999999.99"),
    ],
)
def test_an_amount_is_exact(number: float, amount: str, wire: bytes) -> None:
    assert Amount.parse(number) == Decimal(amount)
    assert to_json(Amount.parse(number)) == wire


def test_an_amount_that_binary_arithmetic_has_made_inexact_is_refused() -> None:
    with pytest.raises(ValueError, match="at most 2 decimals"):
        Amount.parse(0.1 + 0.2)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("1", "expected a number, got str"),
        (True, "expected a number, got bool"),
        (0, "expected a number from 0.01 to 9999999999.99"),
        (0.001, "expected a number from 0.01 to 9999999999.99"),
        (1.005, "expected at most 2 decimals"),
    ],
)
def test_what_is_no_amount_is_refused_in_words(value: object, problem: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011  # the whole text is compared
        Amount.parse(value)
    assert str(refused.value) == problem


@settings(deadline=None)
@given(st.integers(1, 10**12 - 1))
def test_every_amount_is_the_same_after_json(cents: int) -> None:
    exact = Decimal(cents) / 100
    assert Amount.parse(float(exact)) == exact
    assert Amount.parse(json.loads(to_json(Amount(exact)))) == exact


@pytest.mark.parametrize(
    ("key", "is_valid"),
    [("a", True), (" ~", True), ("k" * 255, True), ("k" * 256, False), ("", False), ("é", False), ("a\tb", False)],
)
def test_a_key_is_printable_ascii(key: str, is_valid: bool) -> None:
    assert (re.fullmatch(IDEMPOTENCY_KEY, key) is not None) == is_valid
