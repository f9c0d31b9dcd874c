"""Every event of the saga: its fields, their limits, and the one service that tells it.

An event is a fact in the past tense. Its class name is its `detail-type`; its fields are the `detail`, in camelCase.
"""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Self
from uuid import UUID

import msgspec
from msgspec import Meta, Struct, field

HOPS_MAX = 16
_PRINTABLE = r"^[^\u0000-\u001f\u007f-\u009f\ud800-\udfff]*$(?!\n)"
_PRODUCT = r"^[A-Za-z0-9._-]{1,64}$(?!\n)"
_IN_WORDS = {_PRINTABLE: "without control characters", _PRODUCT: "of 1 to 64 letters, digits, '.', '_', '-'"}


class Refused(ValueError):
    """Input that no retry can mend; `problems` names everything that is wrong with it."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class Amount(Decimal):
    """Money in the order's currency: 0.01 to 9,999,999,999.99 with at most two decimals.

    Lambda has parsed the JSON number before we see it; a float's shortest repr is exact at twelve digits.
    """

    minimum: ClassVar = Decimal("0.01")
    maximum: ClassVar = Decimal("9999999999.99")

    @classmethod
    def parse(cls, number: object) -> Self:
        if isinstance(number, bool) or not isinstance(number, (int, float, Decimal)):
            raise ValueError(f"expected a number, got {type(number).__name__}")
        amount = cls(str(number))
        if not amount.is_finite() or not cls.minimum <= amount <= cls.maximum:
            raise ValueError(f"expected a number from {cls.minimum} to {cls.maximum}")
        if isinstance(number, int):
            return amount
        if amount != round(amount, 2):
            raise ValueError("expected at most 2 decimals")
        return cls(int(amount) if amount % 1 == 0 else amount.normalize())


class AmountOrZero(Amount):
    """An amount given back: 0 where nothing had been charged."""

    minimum: ClassVar = Decimal(0)


class Timestamp(str):
    """When a fact was decided: ISO 8601, UTC, in milliseconds. Sorts as text."""

    @classmethod
    def parse(cls, text: object) -> Self:
        try:
            moment = datetime.fromisoformat(text)  # type: ignore[arg-type]  # a TypeError is caught
            if moment.tzinfo:
                return cls.of(moment)
        except (TypeError, ValueError, OverflowError):
            pass
        raise ValueError("expected an ISO 8601 time with its offset, as 2026-01-31T12:00:00.000Z")

    @classmethod
    def of(cls, moment: datetime) -> Self:
        text = msgspec.to_builtins(moment.astimezone(UTC))  # has microseconds, or none if they are 0
        return cls((text[:-1] + ".000")[:23] + "Z")

    @classmethod
    def now(cls) -> Self:
        return cls.of(datetime.now(UTC))


type OrderId = UUID
type ProductId = Annotated[str, Meta(pattern=_PRODUCT)]
type Quantity = Annotated[int, Meta(ge=1, le=10_000)]
type QuantityOrZero = Annotated[int, Meta(ge=0, le=10_000)]
type Reason = Annotated[str, Meta(max_length=100, pattern=_PRINTABLE)]


class Metadata(Struct, frozen=True, rename="camel"):
    """What led to an event: the EventBridge id of its cause, and how many came before, against loops at run time."""

    causation_id: Annotated[str, Meta(max_length=128, pattern=_PRINTABLE)] | None = None
    hops: Annotated[int, Meta(ge=0, le=HOPS_MAX)] = 0


class _Stamp(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    timestamp: Timestamp
    metadata: Metadata | None = None


class Event(_Stamp, frozen=True, rename="camel", tag_field="eventType", tag=True):
    """A fact about one order. It happens at most once per order: (orderId, detail-type) is its identity."""

    source: ClassVar[str]
    name: ClassVar[str]
    order_id: OrderId

    def __init_subclass__(cls) -> None:
        cls.name = cls.__name__


class OrderCreated(Event, frozen=True):
    source = "saga.order"
    product_id: ProductId
    quantity: Quantity
    amount: Amount


class OrderFailed(Event, frozen=True):
    source = "saga.order"
    reason: Reason


class OrderExpired(Event, frozen=True):
    """The order stayed open past its deadline; shipping decides what becomes of it."""

    source = "saga.order"


class PaymentOK(Event, frozen=True):
    source = "saga.payment"
    amount: Amount


class PaymentFail(Event, frozen=True):
    source = "saga.payment"
    amount: Amount
    reason: Reason


class PaymentCancel(Event, frozen=True):
    source = "saga.payment"
    refunded: AmountOrZero = field(name="amount")


class StockReserved(Event, frozen=True):
    source = "saga.inventory"
    product_id: ProductId
    quantity: Quantity


class StockFailed(Event, frozen=True):
    source = "saga.inventory"
    product_id: ProductId
    quantity: Quantity
    reason: Reason


class StockRelease(Event, frozen=True):
    source = "saga.inventory"
    released_product_id: ProductId | None = field(name="productId")
    released_quantity: QuantityOrZero = field(name="quantity")


class ShipmentOK(Event, frozen=True):
    source = "saga.shipping"


class ShipmentFail(Event, frozen=True):
    source = "saga.shipping"
    reason: Reason


EVENTS = {event.name: event for event in Event.__subclasses__()}


def parse[T: Struct](raw: object, into: type[T]) -> T:
    """Reads parsed JSON; unknown fields pass. Raises Refused with every problem named, not just the first."""
    if not isinstance(raw, dict):
        raise Refused([f"expected an object, got {type(raw).__name__}"])
    tag = into.__struct_config__.tag
    if tag not in (None, raw.get("eventType")):
        return _by_field(raw, into, [f"eventType: expected {tag!r}"])
    try:
        return from_builtins(raw, into)
    except (ValueError, RecursionError):
        return _by_field(raw, into, [])


def _by_field[T: Struct](raw: dict[str, Any], into: type[T], problems: list[str]) -> T:
    values = {}
    for known in msgspec.structs.fields(into):
        try:
            if known.encode_name in raw:
                values[known.name] = from_builtins(_whole(raw[known.encode_name]), known.type)
            elif known.required:
                problems.append(f"{known.encode_name}: missing")
        except (ValueError, RecursionError) as error:
            problems.append(f"{known.encode_name}: {_in_words(error)}")
    if problems:
        raise Refused(problems) from None
    return into(**values)


def from_builtins[T](value: Any, into: type[T]) -> T:
    """Raises msgspec's ValidationError, a ValueError."""
    return msgspec.convert(value, into, dec_hook=lambda kind, raw: kind.parse(raw))


def to_builtins(struct: Struct) -> Any:
    """The struct as DynamoDB takes it: an amount is a Decimal."""
    return msgspec.to_builtins(struct, enc_hook=_plain, builtin_types=(Decimal,))


def _in_words(error: Exception) -> str:
    text = str(error)
    for pattern, words in _IN_WORDS.items():
        text = text.replace(f"matching regex {pattern!r}", words)
    return text


def _whole(value: Any) -> Any:
    """JSON has one kind of number: 2.0 is the whole number 2."""
    if isinstance(value, dict):
        return {name: _whole(inner) for name, inner in value.items()}
    return int(value) if type(value) is float and value.is_integer() else value


def _plain(value: object) -> object:
    return Decimal(value) if isinstance(value, Amount) else str(value)


to_json = msgspec.json.Encoder(enc_hook=_plain, decimal_format="number").encode
"""A struct, or what holds them, as it goes on the wire: an amount is a number."""
