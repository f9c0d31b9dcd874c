"""What will go wrong, drawn from a seed: the same seed gives the same orders, kills, freezes and fates of events.

What a fault hits cannot be planned: the speed of the machine decides which process is busy when it is killed, and
how often an event is told. But the n-th telling of an order's event has the same fate in every run.
"""

import itertools
import random
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple
from uuid import UUID, uuid5

from sagactl.design.ways import all_ways
from sagactl.stack import shop

type Fate = Literal["once", "twice", "swallowed"]

CANCELLED = 0.1  # the share of orders that their customers want back
CANCELLED_SECONDS_MAX = 10  # after they were placed
TWICE = 0.25  # the share of events that are put twice
SWALLOWED = 0.1
_ORDER_OF_KEY = UUID("c4a05000-0000-4000-8000-000000000000")  # UUIDv5 namespace of orders put on the bus
_DOORS: tuple[shop.Via, ...] = ("api", "bus")


@dataclass(frozen=True)
class Size:
    """How many orders come and how much goes wrong in these seconds. `victims` are the functions to kill."""

    orders: int
    seconds: float
    kills: int
    freezes: int
    freeze_seconds_max: float
    outage_seconds: float  # in which nothing reaches shipping
    deadline_seconds: int
    victims: tuple[str, ...] = ("order", "order-http", "payment", "inventory", "shipping")


# The short form does not kill the journal, because its queue gives a batch again only after a minute. Its freeze is
# shorter than a client waits for an answer; those of the full form are longer than any function waits for all its
# attempts.
SHORT = Size(orders=20, seconds=8, kills=6, freezes=1, freeze_seconds_max=1, outage_seconds=2, deadline_seconds=5)
FULL = Size(
    orders=200,
    seconds=60,
    kills=60,
    freezes=6,
    freeze_seconds_max=20,
    outage_seconds=120,
    deadline_seconds=60,
    victims=(*SHORT.victims, "journal"),
)


class Wanted(NamedTuple):
    """An order to place. `key` is its Idempotency-Key, or what its ID is made from if it is put on the bus.

    `cancelled_after_seconds` is how long after that its customer wants it back, or None.
    """

    at_seconds: float
    via: shop.Via
    key: str
    fields: dict[str, Any]
    expected: str
    cancelled_after_seconds: float | None = None

    @property
    def order_id(self) -> UUID:
        return uuid5(_ORDER_OF_KEY, self.key)


class Kill(NamedTuple):
    at_seconds: float
    function: str


class Freeze(NamedTuple):
    at_seconds: float
    seconds: float


@dataclass(frozen=True)
class Plan:
    seed: int
    size: Size
    orders: list[Wanted]
    kills: list[Kill]
    freezes: list[Freeze]

    def fate(self, order_id: str, name: str, telling: int) -> Fate:
        """Returns what happens to an event that is put on the bus for the `telling`-th time."""
        draw = random.Random(f"{self.seed} {order_id} {name} {telling}").random()
        if draw < SWALLOWED:
            return "swallowed"
        if draw < SWALLOWED + TWICE:
            return "twice"
        return "once"


def plan(seed: int, size: Size) -> Plan:
    draws = random.Random(seed)
    # The first freeze is the longest. They are spread over the time in which orders come.
    lengths = [size.freeze_seconds_max, *(draws.uniform(0.5, 5) for _ in range(size.freezes - 1))]
    freezes = [Freeze(size.seconds * (n + 0.5) / size.freezes, seconds) for n, seconds in enumerate(lengths)]
    times = sorted(draws.uniform(0, size.seconds) for _ in range(size.kills))
    kills = [Kill(at_seconds, draws.choice(size.victims)) for at_seconds in times]
    return Plan(seed, size, _orders(seed, size, draws), kills, freezes)


def _orders(seed: int, size: Size, draws: random.Random) -> list[Wanted]:
    """Equally many orders of each way and each door, in a sequence drawn from the seed. Any may be cancelled."""
    ways = [way for way in all_ways().values() if not way.is_cancelled]
    cases = list(itertools.product(ways, _DOORS))
    drawn = [cases[number % len(cases)] for number in range(size.orders)]
    draws.shuffle(drawn)
    cancelled = draws.sample(range(size.orders), round(size.orders * CANCELLED))
    moments = {number: draws.uniform(0, CANCELLED_SECONDS_MAX) for number in cancelled}
    return [
        Wanted(
            at_seconds=size.seconds * number / size.orders,
            via=via,
            key=f"chaos {seed} {number}",
            fields=way.wanted,
            expected=way.ends,
            cancelled_after_seconds=moments.get(number),
        )
        for number, (way, via) in enumerate(drawn)
    ]
