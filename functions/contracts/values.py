"""The values in events, with their limits."""

from decimal import Decimal
from typing import Annotated, ClassVar, Self

from msgspec import Meta

from saga.event import Text


class Amount(Decimal):
    """Money in the order's currency: 0.01 to 9,999,999,999.99 with at most two decimals.

    Lambda has parsed the JSON number before we see it; a float's shortest repr is exact at twelve digits.
    """

    minimum: ClassVar = Decimal("0.01")
    maximum: ClassVar = Decimal("9999999999.99")

    @classmethod
    def parse(cls, number: object) -> Self:
        """Raises ValueError."""
        if isinstance(number, bool) or not isinstance(number, (int, float, Decimal)):
            raise ValueError(f"expected a number, got {type(number).__name__}")
        amount = cls(str(number))
        if not amount.is_finite() or not cls.minimum <= amount <= cls.maximum:
            raise ValueError(f"expected a number from {cls.minimum} to {cls.maximum}")
        if amount != round(amount, 2):
            raise ValueError("expected at most 2 decimals")
        if amount % 1 == 0:
            return cls(int(amount))
        return cls(amount.normalize())


class AmountOrZero(Amount):
    """An amount given back: 0 where nothing had been charged."""

    minimum: ClassVar = Decimal(0)


type ProductId = Annotated[
    str,
    Meta(pattern=r"^[A-Za-z0-9._-]{1,64}$(?!\n)", description="of 1 to 64 letters, digits, '.', '_', '-'"),
]
type Quantity = Annotated[int, Meta(ge=1, le=10_000)]
type QuantityOrZero = Annotated[int, Meta(ge=0, le=10_000)]
type Reason = Annotated[Text, Meta(max_length=100)]

IDEMPOTENCY_KEY = r"[\x20-\x7e]{1,255}"
"""Of the header with which an order is placed once, however often it is asked for."""

CANCELLED = "cancelled by the customer"
"""The reason of an order that its customer cancelled."""
