"""Plain values to DynamoDB's and back."""

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from saga.dynamodb import marshal, unmarshal

NUMBERS = st.integers(-(10**12), 10**12) | st.decimals(-(10**12), 10**12, allow_nan=False, places=2)
NAMES = st.text(max_size=5)
SCALARS = st.none() | st.booleans() | NAMES | NUMBERS
VALUES = st.recursive(SCALARS, lambda of: st.lists(of) | st.dictionaries(NAMES, of), max_leaves=5)


@given(st.dictionaries(NAMES, VALUES, max_size=3))
def test_what_is_written_is_read(fields: dict[str, Any]) -> None:
    assert unmarshal(marshal(fields)) == fields


@given(st.integers(-(10**12), 10**12))
def test_whole_numbers_are_read_as_such(number: int) -> None:
    read = unmarshal(marshal({"number": number, "decimal": Decimal(number)}))
    assert [type(value) for value in read.values()] == [int, int]
