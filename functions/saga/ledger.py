"""The ledger: one entry per order in a service's own table, replaced in one conditional write."""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

import msgspec
from botocore.exceptions import ClientError
from msgspec import Struct

from saga.events import Timestamp, to_builtins

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class State(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What a service knows of one order. A fact that it tells takes its fields from here, by name."""

    status: str


class Heard(Struct, frozen=True, array_like=True):
    """An event that was heard: a fingerprint of its detail, and the name of the fact told for it."""

    fingerprint: str
    told: str | None


class Entry[S: State](Struct, frozen=True, rename="camel"):
    """A state and how it came about: the events heard, and when each fact told was decided, by name."""

    order_id: UUID
    version: int
    opened_at: Timestamp  # the service's own clock when it first recorded the order
    state: S
    heard: dict[str, Heard]
    told: dict[str, Timestamp]


class Conflict(Exception):
    """Another write came first: recall, and decide again."""


class Ledger[S: State](Protocol):
    """`record` replaces the entry before, or writes nothing and raises Conflict."""

    def recall(self, order_id: UUID) -> Entry[S] | None: ...

    def record(self, entry: Entry[S], before: Entry[S] | None) -> None: ...


class DynamoLedger[S: State]:
    """Entries in a table keyed by orderId. What DynamoDB refuses for another reason is a ClientError."""

    def __init__(self, client: "DynamoDBClient", table: str, state: type[S]) -> None:
        self.client, self.table = client, table
        self.entry_type: Any = Entry[state]  # type: ignore[valid-type]  # msgspec reads the type at run time

    def recall(self, order_id: UUID) -> Entry[S] | None:
        item = get(self.client, self.table, "orderId", str(order_id))
        return self._entry(item) if item else None

    def _entry(self, item: dict[str, Any]) -> Any:
        """Times and amounts were checked before they were written, so that they are made here, not parsed."""
        return msgspec.convert(item | {"state": item}, self.entry_type, dec_hook=lambda kind, value: kind(value))

    def record(self, entry: Entry[S], before: Entry[S] | None) -> None:
        write(self.client.put_item, **self.put(entry, before))

    def put(self, entry: Entry[S], before: Entry[S] | None) -> Any:
        """PutItem's arguments: a State is laid flat into the item, beside the entry's own fields."""
        fields = to_builtins(entry)
        put = {"TableName": self.table, "Item": marshal(fields | fields.pop("state"))}
        if before is None:
            return put | {"ConditionExpression": "attribute_not_exists(orderId)"}
        values = {":before": {"N": str(before.version)}}
        return put | {"ConditionExpression": "version = :before", "ExpressionAttributeValues": values}


def get(client: "DynamoDBClient", table: str, name: str, key: str) -> dict[str, Any] | None:
    """One item by its key, strongly consistent."""
    item = client.get_item(TableName=table, Key={name: {"S": key}}, ConsistentRead=True).get("Item")
    return unmarshal(item) if item else None


def marshal(fields: dict[str, Any]) -> Any:
    """Plain values as DynamoDB's; boto3's serializer needs six times as long."""
    return {name: _TYPED[type(value)](value) for name, value in fields.items()}


def unmarshal(item: Any) -> dict[str, Any]:
    """DynamoDB's values as plain ones: a whole number is an int, any other a Decimal."""
    return {name: _PLAIN[kind](value) for name, typed in item.items() for kind, value in typed.items()}


def _typed_list(values: Iterable[Any]) -> Any:
    return {"L": [_TYPED[type(value)](value) for value in values]}


_TYPED: dict[type, Callable[[Any], Any]] = {
    str: lambda text: {"S": text},
    int: lambda number: {"N": str(number)},
    Decimal: lambda number: {"N": str(number)},
    bool: lambda truth: {"BOOL": truth},
    type(None): lambda _: {"NULL": True},
    dict: lambda fields: {"M": marshal(fields)},
    list: _typed_list,
    tuple: _typed_list,
}
_PLAIN: dict[str, Callable[[Any], Any]] = {
    "S": str,
    "BOOL": bool,
    "N": msgspec.json.Decoder(int | Decimal).decode,
    "NULL": lambda _: None,
    "M": unmarshal,
    "L": lambda values: [_PLAIN[kind](value) for typed in values for kind, value in typed.items()],
}


def write(operation: Callable[..., Any], **arguments: Any) -> None:
    """Raises Conflict where DynamoDB refuses the write because another came first."""
    try:
        operation(**arguments)
    except ClientError as error:
        reasons: Any = error.response.get("CancellationReasons", ())
        codes = {error.response["Error"]["Code"].removesuffix("Exception"), *(r["Code"] for r in reasons)}
        if codes & {"ConditionalCheckFailed", "TransactionConflict"}:
            raise Conflict from error
        raise
