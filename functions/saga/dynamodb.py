"""The ledger in DynamoDB: an item for each entry, written on the condition that nobody else wrote it since."""

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError
from msgspec.structs import replace

from saga.ledger import Conflict, Entry, State, Throttled, field_names
from saga.serialization import to_builtins

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

RACES = {"ConditionalCheckFailed", "TransactionConflict"}
THROTTLING = {"ThrottlingError", "ProvisionedThroughputExceeded", "TransactionInProgress"}  # reasons of a transaction


class DynamoLedger[S: State]:
    """Entries in a table keyed by orderId. What DynamoDB refuses for another reason is a ClientError."""

    def __init__(self, client: "DynamoDBClient", table: str, state: type[S]) -> None:
        self.client = client
        self.table = table
        self.entry_type: Any = Entry[state]  # type: ignore[valid-type]  # msgspec reads the type at run time
        self._known = field_names(Entry) | field_names(state)

    def recall(self, order_id: UUID) -> Entry[S] | None:
        item = get(self.client, self.table, {"orderId": str(order_id)})
        return self.entry_of(item) if item else None

    def record(self, entry: Entry[S], before: Entry[S] | None) -> None:
        write(self.client.put_item, self.entry_of, **self.put(entry, before))

    def entry_of(self, item: dict[str, Any]) -> Entry[S]:
        unknown = {name: item[name] for name in item.keys() - self._known}
        # Times and amounts were checked before they were written: they are made here, not parsed.
        entry: Entry[S] = msgspec.convert(
            item | {"state": item, "unknown": unknown}, self.entry_type, dec_hook=lambda kind, value: kind(value)
        )
        return entry

    def put(self, entry: Entry[S], before: Entry[S] | None) -> Any:
        """PutItem's arguments: the State is laid flat into the item, beside the entry's own fields and the unknown."""
        own = to_builtins(replace(entry, unknown={}))
        del own["unknown"]
        own |= own.pop("state")
        put = {
            "TableName": self.table,
            "Item": marshal(entry.unknown | own),
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        if before is None:
            condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(orderId)"}
        else:
            condition = {
                "ConditionExpression": "version = :before",
                "ExpressionAttributeValues": marshal({":before": before.version}),
            }
        return put | condition


class _Deserializer(TypeDeserializer):
    """boto3 gives every number as a Decimal; here a whole number is an int."""

    def _deserialize_n(self, value: str) -> int | Decimal:
        try:
            return int(value)
        except ValueError:
            return Decimal(value)


_serialize = TypeSerializer().serialize
_deserialize = _Deserializer().deserialize


def marshal(fields: dict[str, Any]) -> dict[str, Any]:
    """Plain values as DynamoDB's: {"status": "PENDING"} is {"status": {"S": "PENDING"}}."""
    return {name: _serialize(value) for name, value in fields.items()}


def unmarshal(item: dict[str, Any]) -> dict[str, Any]:
    """DynamoDB's values as plain ones: a whole number is an int, any other a Decimal."""
    return {name: _deserialize(value) for name, value in item.items()}


def get(client: "DynamoDBClient", table: str, key: dict[str, Any]) -> dict[str, Any] | None:
    """Reads one item, strongly consistent."""
    answer = client.get_item(TableName=table, Key=marshal(key), ConsistentRead=True)
    if "Item" not in answer:
        return None
    return unmarshal(answer["Item"])


def write(
    operation: Callable[..., Any], entry_of: Callable[[dict[str, Any]], Entry[Any]] | None = None, **arguments: Any
) -> None:
    """Calls a write of the client.

    Raises Conflict where DynamoDB refuses it because another came first, and Throttled where it is too busy for a
    transaction. The SDK tries any other write again that is throttled. A Conflict has the entry that there is, if the
    write asks for it and `entry_of` makes it from the item.
    """
    try:
        operation(**arguments)
    except ClientError as error:
        response: Any = error.response
        code = response["Error"]["Code"].removesuffix("Exception")
        refusals = response.get("CancellationReasons", [])  # of a transaction: one for each of its writes
        reasons = {refusal["Code"] for refusal in refusals}
        if {code, *reasons} & RACES:
            found = [refused["Item"] for refused in (response, *refusals) if refused.get("Item")]
            entry = entry_of(unmarshal(found[0])) if entry_of and found else None
            raise Conflict(entry=entry) from error
        if reasons & THROTTLING:
            raise Throttled from error
        raise
