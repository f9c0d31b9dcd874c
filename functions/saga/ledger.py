"""The ledger: one entry per order in a service's own table, replaced in one conditional write."""

from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

import msgspec
from msgspec import Struct, StructMeta
from msgspec.structs import fields

from saga.dynamodb import Conflict, get, marshal, write
from saga.event import Timestamp
from saga.serialization import to_builtins

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

__all__ = ["Conflict", "DynamoLedger", "Entry", "Heard", "Ledger", "State"]


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


class _StateMeta(StructMeta):
    """Refuses a State that would overwrite the entry's own fields where both are laid flat into one item."""

    def __new__(mcls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **config: Any) -> Any:
        cls: Any = super().__new__(mcls, name, bases, namespace, **config)
        taken = _field_names(cls) & _field_names(Entry)
        if taken:
            raise TypeError(f"{name}: the ledger has {', '.join(sorted(taken))} of its own. Choose another name")
        return cls


def _field_names(struct: type[Struct]) -> set[str]:
    return {field.encode_name for field in fields(struct)}


class State(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, metaclass=_StateMeta):
    """What a service knows of one order; each service has a subclass.

    A fact that the service tells takes its fields from here, by their Python names.
    """

    status: str


class Ledger[S: State](Protocol):
    """Where a service keeps its entries."""

    def recall(self, order_id: UUID) -> Entry[S] | None: ...

    def record(self, entry: Entry[S], before: Entry[S] | None) -> None:
        """Replaces the entry `before`, or writes nothing and raises Conflict."""


class DynamoLedger[S: State]:
    """Entries in a table keyed by orderId. What DynamoDB refuses for another reason is a ClientError."""

    def __init__(self, client: "DynamoDBClient", table: str, state: type[S]) -> None:
        self.client = client
        self.table = table
        self.entry_type: Any = Entry[state]  # type: ignore[valid-type]  # msgspec reads the type at run time

    def recall(self, order_id: UUID) -> Entry[S] | None:
        item = get(self.client, self.table, {"orderId": str(order_id)})
        if item is None:
            return None
        # Times and amounts were checked before they were written: they are made here, not parsed.
        entry: Entry[S] = msgspec.convert(
            item | {"state": item}, self.entry_type, dec_hook=lambda kind, value: kind(value)
        )
        return entry

    def record(self, entry: Entry[S], before: Entry[S] | None) -> None:
        write(self.client.put_item, **self.put(entry, before))

    def put(self, entry: Entry[S], before: Entry[S] | None) -> Any:
        """PutItem's arguments: the State is laid flat into the item, beside the entry's own fields."""
        item = to_builtins(entry)
        item |= item.pop("state")
        put = {"TableName": self.table, "Item": marshal(item)}
        if before is None:
            condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(orderId)"}
        else:
            condition = {
                "ConditionExpression": "version = :before",
                "ExpressionAttributeValues": marshal({":before": before.version}),
            }
        return put | condition
