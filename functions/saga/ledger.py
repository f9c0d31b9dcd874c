"""The ledger: what a service knows of each order, in one entry that is replaced as a whole."""

from typing import Any, Protocol
from uuid import UUID

from msgspec import Struct, StructMeta
from msgspec.structs import fields

from saga.event import Event, Timestamp


class Heard(Struct, frozen=True, array_like=True):
    """An event that was heard: a fingerprint of its detail, and the name of the fact told for it."""

    fingerprint: str
    told: str | None


class Entry[S: State](Struct, frozen=True, rename="camel"):
    """A state and how it came about: the events heard, and when each fact told was decided, by name.

    `unknown` are the item's fields that another release has written and this one does not know. They are kept: that
    release may still run, or run again.
    """

    order_id: UUID
    version: int
    opened_at: Timestamp  # the service's own clock when it first recorded the order
    state: S
    heard: dict[str, Heard]
    told: dict[str, Timestamp]
    unknown: dict[str, Any] = {}


class _StateMeta(StructMeta):
    """Refuses a State that would overwrite the entry's own fields where both are laid flat into one item."""

    def __new__(mcls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **config: Any) -> Any:
        cls: Any = super().__new__(mcls, name, bases, namespace, **config)
        taken = field_names(cls) & field_names(Entry)
        if taken:
            raise TypeError(f"{name}: the ledger has {', '.join(sorted(taken))} of its own. Choose another name")
        return cls


def field_names(struct: type[Struct]) -> set[str]:
    """Returns the names that the struct's fields have in an item."""
    return {field.encode_name for field in fields(struct)}


class State(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, metaclass=_StateMeta):
    """What a service knows of one order; each service has a subclass.

    A fact that the service tells takes its fields from here, by their Python names. `answers` is the fingerprint of the
    event that opened the order, as far as it is known here; every fact told says so in its metadata.
    """

    status: str
    answers: str | None = None

    @property
    def milestone(self) -> str | None:
        """The metric that counts the orders which reach this state."""
        return None

    def contradicts(self, event: Event) -> bool:
        """Returns whether the event follows from another version of the order than what is known here."""
        if self.answers is None or event.answers is None:
            return False
        return self.answers != event.answers


class Conflict(Exception):
    """Another write came first: decide again, from `entry` if the database has said what it is now."""

    metric = "Conflicts"

    def __init__(self, problem: str = "another write came first", entry: "Entry[Any] | None" = None) -> None:
        super().__init__(problem)
        self.entry = entry


class Throttled(Conflict):
    """The database is too busy for a transaction, which the SDK does not try again: recall, and decide again."""

    metric = "Throttles"


class Ledger[S: State](Protocol):
    """Where a service keeps its entries."""

    def recall(self, order_id: UUID) -> Entry[S] | None: ...

    def record(self, entry: Entry[S], before: Entry[S] | None) -> None:
        """Replaces the entry `before`, or writes nothing and raises Conflict."""
