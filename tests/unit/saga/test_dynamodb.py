"""What DynamoDB is asked and given, and what it means when it refuses: a race is a Conflict, anything else an error."""

from decimal import Decimal
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st
from support.given import AT, ORDER_ID

from contracts.values import Amount
from inventory.reactions import Reservation
from inventory.stock import DynamoStockLedger
from payment.reactions import Payment
from saga.dynamodb import DynamoLedger, marshal, unmarshal
from saga.ledger import Conflict, Entry, Heard, Throttled

HOLDS_UNITS = Reservation(status="RESERVED", product_id="apple", quantity=1)
HOLDS_NONE = Reservation(status="RELEASED")


class Client:
    """Refuses every write: a single one without reasons, a transaction with one for each of its writes."""

    def __init__(self, code: str, *reasons: str) -> None:
        response: Any = {"Error": {"Code": code}, "CancellationReasons": [{"Code": reason} for reason in reasons]}
        self.error = ClientError(response, "Write")

    def put_item(self, **_: Any) -> None:
        raise self.error

    transact_write_items = put_item


def record(client: Any, state: Reservation) -> None:
    DynamoStockLedger(client, "reservations", "stock").record(Entry(ORDER_ID, 1, AT, state, {}, {}), None)


# fmt: off
RACES = [
    (HOLDS_NONE,  Client("ConditionalCheckFailedException")),
    (HOLDS_NONE,  Client("TransactionConflictException")),
    (HOLDS_UNITS, Client("TransactionCanceledException", "ConditionalCheckFailed", "None")),
    (HOLDS_UNITS, Client("TransactionCanceledException", "None", "ConditionalCheckFailed")),
    (HOLDS_UNITS, Client("TransactionCanceledException", "TransactionConflict", "None")),
    (HOLDS_UNITS, Client("TransactionCanceledException", "None", "TransactionConflict")),
]
ERRORS = [
    (HOLDS_NONE,  Client("ProvisionedThroughputExceededException")),
    (HOLDS_NONE,  Client("ThrottlingException")),
    (HOLDS_NONE,  Client("ResourceNotFoundException")),
    (HOLDS_UNITS, Client("TransactionCanceledException", "ValidationError", "None")),
    (HOLDS_UNITS, Client("TransactionInProgressException")),
]
# The SDK has tried those again that are no transactions.
TOO_BUSY = [
    Client("TransactionCanceledException", "None", "ThrottlingError"),
    Client("TransactionCanceledException", "ThrottlingError", "ThrottlingError"),
    Client("TransactionCanceledException", "ProvisionedThroughputExceeded", "None"),
    Client("TransactionCanceledException", "None", "TransactionInProgress"),
]
# fmt: on


@pytest.mark.parametrize(("state", "client"), RACES)
def test_a_refusal_because_of_another_write_is_a_conflict(state: Reservation, client: Client) -> None:
    with pytest.raises(Conflict):
        record(client, state)


@pytest.mark.parametrize("client", TOO_BUSY)
def test_a_throttled_transaction_is_to_be_tried_again(client: Client) -> None:
    with pytest.raises(Throttled):
        record(client, HOLDS_UNITS)


def test_a_transaction_that_was_overtaken_and_throttled_is_a_conflict() -> None:
    with pytest.raises(Conflict) as raised:
        record(Client("TransactionCanceledException", "ThrottlingError", "ConditionalCheckFailed"), HOLDS_UNITS)
    assert raised.type is Conflict


@pytest.mark.parametrize(("state", "client"), ERRORS)
def test_any_other_refusal_is_raised_as_it_is(state: Reservation, client: Client) -> None:
    with pytest.raises(ClientError) as raised:
        record(client, state)
    assert raised.value is client.error


def test_reads_are_strongly_consistent() -> None:
    asked = []

    class Client:
        def get_item(self, **asks: Any) -> dict[str, Any]:
            asked.append(asks)
            return {}

    client: Any = Client()
    ledger = DynamoStockLedger(client, "reservations", "stock")
    assert (ledger.recall(ORDER_ID), ledger.available("apple")) == (None, None)
    assert [(asks["TableName"], asks["ConsistentRead"]) for asks in asked] == [("reservations", True), ("stock", True)]


def test_an_entry_lies_flat_in_one_item_and_its_amount_is_a_number() -> None:
    """Tables are full of such items."""
    written = []

    class Client:
        def put_item(self, **asks: Any) -> None:
            written.append(asks["Item"])

    client: Any = Client()
    charged = Payment(status="CHARGED", amount=Amount("49.9"))
    heard = {"OrderCreated": Heard("0a1b2c3d", "PaymentOK")}
    DynamoLedger(client, "payments", Payment).record(Entry(ORDER_ID, 1, AT, charged, heard, {"PaymentOK": AT}), None)
    assert written == [
        {
            "orderId": {"S": str(ORDER_ID)},
            "version": {"N": "1"},
            "openedAt": {"S": AT},
            "status": {"S": "CHARGED"},
            "amount": {"N": "49.9"},
            "heard": {"M": {"OrderCreated": {"L": [{"S": "0a1b2c3d"}, {"S": "PaymentOK"}]}}},
            "told": {"M": {"PaymentOK": {"S": AT}}},
        }
    ]


# Plain values to DynamoDB's and back

NUMBERS = st.integers(-(10**12), 10**12) | st.decimals(-(10**12), 10**12, allow_nan=False, places=2)
NAMES = st.text(max_size=5)
SCALARS = st.none() | st.booleans() | NAMES | NUMBERS
VALUES = st.recursive(SCALARS, lambda of: st.lists(of) | st.dictionaries(NAMES, of), max_leaves=5)


@given(st.dictionaries(NAMES, VALUES, max_size=3))
def test_values_are_read_as_they_were_written(fields: dict[str, Any]) -> None:
    assert unmarshal(marshal(fields)) == fields


@given(st.integers(-(10**12), 10**12))
def test_whole_numbers_are_read_as_int(number: int) -> None:
    read = unmarshal(marshal({"number": number, "decimal": Decimal(number)}))
    assert [type(value) for value in read.values()] == [int, int]
