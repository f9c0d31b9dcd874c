"""What every event has: who tells it, which order it is about, and what led to it.

The events of this saga are in contracts/events.py. Nothing in this package knows them.
"""

from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import blake2b
from typing import Annotated, Any, ClassVar, Self
from uuid import UUID

from msgspec import Meta, Struct
from msgspec.structs import fields, replace

from saga.serialization import to_json

HOPS_MAX = 16
FINGERPRINT_BYTES = 8  # two versions of one order have the same once in 10^19 times

type Text = Annotated[
    str,
    Meta(pattern=r"^[^\u0000-\u001f\u007f-\u009f\ud800-\udfff]*$(?!\n)", description="without control characters"),
]
type OrderId = UUID


class Timestamp(str):
    """A time in ISO 8601, UTC, with milliseconds: timestamps sort as text."""

    @classmethod
    def parse(cls, text: object) -> Self:
        """Takes any ISO 8601 time with an offset. Raises ValueError."""
        try:
            moment = datetime.fromisoformat(text)  # type: ignore[arg-type]  # a TypeError is caught
            if moment.tzinfo:
                return cls.of(moment)
        except (TypeError, ValueError, OverflowError):
            pass
        raise ValueError("expected an ISO 8601 time with its offset, as 2026-01-31T12:00:00.000Z")

    @classmethod
    def of(cls, moment: datetime) -> Self:
        text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
        return cls(text.replace("+00:00", "Z"))

    @classmethod
    def now(cls) -> Self:
        return cls.of(datetime.now(UTC))

    def milliseconds_since(self, earlier: "Timestamp") -> int:
        passed = datetime.fromisoformat(self) - datetime.fromisoformat(earlier)
        return passed // timedelta(milliseconds=1)


class Metadata(Struct, frozen=True, rename="camel", omit_defaults=True):
    """What led to an event: the EventBridge id of its cause, and how many events came before it, up to 16.

    An event of more hops than that is refused, so that no loop goes on for ever. `answers` is the fingerprint of the
    event that opened the order, so that what follows from two versions of it can be told apart. `traceparent` is the
    caller's, of W3C Trace Context, and is passed on as it came.
    """

    causation_id: Annotated[Text, Meta(max_length=128)] | None = None
    hops: Annotated[int, Meta(ge=0, le=HOPS_MAX)] = 0
    answers: Annotated[Text, Meta(max_length=64)] | None = None
    traceparent: Annotated[Text, Meta(max_length=128)] | None = None


class _Stamp(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    timestamp: Timestamp
    metadata: Metadata | None = None


class Event(_Stamp, frozen=True, rename="camel", tag_field="eventType", tag=True):
    """A fact about one order, in the past tense. The class's name is its `detail-type`, its fields are the `detail`.

    A fact happens at most once per order, so that (orderId, detail-type) is its identity. `timestamp` is when it was
    decided, and stays the same when it is told again.
    """

    source: ClassVar[str]  # of the one service that tells it
    name: ClassVar[str]
    opens: ClassVar[bool] = False  # whether an order begins with it
    order_id: OrderId

    def __init_subclass__(cls) -> None:
        cls.name = cls.__name__

    @property
    def facts(self) -> bytes:
        """What happened, as JSON: the required fields without the timestamp.

        Optional fields are left out, because code that is older than such a field does not know it.
        """
        return to_json(replace(self, timestamp="", **_optional(type(self))))

    @property
    def answers(self) -> str | None:
        """The fingerprint of the event that opened the order, if this is that event or says which it was."""
        if self.opens:
            return blake2b(self.facts, digest_size=FINGERPRINT_BYTES).hexdigest()
        return self.metadata.answers if self.metadata else None


@cache
def _optional(event: type[Event]) -> dict[str, Any]:
    """Returns the event's optional fields with their defaults."""
    return {field.name: field.default for field in fields(event) if not field.required}
