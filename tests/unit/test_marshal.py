"""The ledger's way between plain values and DynamoDB's, beside boto3's own."""

from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from hypothesis import given
from hypothesis import strategies as st

from saga.ledger import marshal, unmarshal

NUMBERS = st.integers(-(10**12), 10**12) | st.decimals(-(10**12), 10**12, allow_nan=False, places=2)
NAMES = st.text(max_size=5)
SCALARS = st.none() | st.booleans() | NAMES | NUMBERS
VALUES = st.recursive(SCALARS, lambda of: st.lists(of) | st.dictionaries(NAMES, of) | st.tuples(of, of), max_leaves=5)
FIELDS = st.dictionaries(NAMES, VALUES, max_size=3)


@given(FIELDS)
def test_it_writes_what_boto3_writes(fields: dict[str, Any]) -> None:
    boto3s = {name: TypeSerializer().serialize(value) for name, value in fields.items()}
    assert marshal(fields) == boto3s


@given(FIELDS)
def test_it_reads_what_boto3_reads(fields: dict[str, Any]) -> None:
    item = marshal(fields)
    read = unmarshal(item)
    assert read == {name: TypeDeserializer().deserialize(value) for name, value in item.items()}


@given(st.integers(-(10**12), 10**12))
def test_whole_numbers_are_read_as_such(number: int) -> None:
    read = unmarshal(marshal({"number": number, "decimal": Decimal(number)}))
    assert [type(value) for value in read.values()] == [int, int]
