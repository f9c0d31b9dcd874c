"""What has happened in the last minutes, and what is new since the last reading, as the journal has it."""

import itertools
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from contracts.events import OrderCreated
from journal.items import STATE_AFTER
from saga.event import Timestamp
from sagactl.design import choreography
from sagactl.errors import SagaError
from sagactl.page.stack_cache import StackCache
from sagactl.stack import dead_letters, journal
from sagactl.stack.deployed_stack import Stack

MINUTES = 30
EVENTS_MAX = 5_000  # of one reading; if the last minutes had more, the figures are those of the newest
ORDERS_MAX = 5_000  # that are remembered; of more, the newest
BUSY_SECONDS = 10  # since the last event: more are likely
_OVERLAP = timedelta(seconds=10)  # the clocks of those that write the journal may differ by that much
_COUNT_SECONDS = 2  # between two counts of the dead letters


@dataclass
class RecentOrder:
    """When an order opened and closed, empty where that is not known, and its status."""

    opened_at: str = ""
    closed_at: str = ""
    status: str = "PENDING"

    @property
    def last_at(self) -> str:
        """Its latest time; an order with none is later than any other."""
        return max(self.opened_at, self.closed_at) or journal.END


@dataclass
class Memory:
    """What earlier readings found."""

    is_first: bool = True
    news_at: float = -math.inf  # on the clock that never goes back, as the next
    counted_at: float = -math.inf
    written_at: dict[str, str] = field(default_factory=dict)  # by the event's id
    orders: dict[str, RecentOrder] = field(default_factory=dict)
    dead_letters: int | None = None


class RecentActivity:
    """Reads the journal again and again, each time only what is new."""

    def __init__(self, cache: StackCache) -> None:
        self._cache = cache
        self._memory = Memory()

    @property
    def is_busy(self) -> bool:
        """Whether events came a moment ago."""
        return monotonic() - self._memory.news_at < BUSY_SECONDS

    def read(self) -> dict[str, Any]:
        """New events, oldest first, with the figures of the last minutes; or `down`, with why nothing can be read.

        The first reading has no events: what happened before is not new.
        """
        try:
            return self._news(self._cache.get())
        except (SagaError, BotoCoreError, ClientError) as error:
            self._cache.forget()
            self._memory = Memory()
            return {"down": str(error)}

    def _news(self, stack: Stack) -> dict[str, Any]:
        try:
            return self._read(stack)
        except (BotoCoreError, ClientError):
            stack.where.check()  # says more plainly that nobody is there
            raise

    def _read(self, stack: Stack) -> dict[str, Any]:
        memory = self._memory
        new = self._new_items(stack)
        now = monotonic()
        if now - memory.counted_at >= _COUNT_SECONDS:
            memory.dead_letters = dead_letters.counted(stack)
            memory.counted_at = now
        events = [] if memory.is_first else [_event(item) for item in new]
        if events:
            memory.news_at = now
        memory.is_first = False
        return {"events": events, "figures": _figures(memory.orders), "deadLetters": memory.dead_letters}

    def _new_items(self, stack: Stack) -> list[dict[str, Any]]:
        memory = self._memory
        oldest = _shifted(Timestamp.now(), -timedelta(minutes=MINUTES))
        items = journal.arrivals(stack, self._since(oldest), EVENTS_MAX)
        new = [item for item in reversed(items) if item["eventId"] not in memory.written_at]
        if items:
            memory.written_at = {item["eventId"]: item["writtenAt"] for item in items}
        for item in new:
            _remember(memory.orders, item)
        recent = {order_id: order for order_id, order in memory.orders.items() if order.last_at >= oldest}
        memory.orders = dict(itertools.islice(recent.items(), max(0, len(recent) - ORDERS_MAX), None))
        return new

    def _since(self, oldest: str) -> str:
        """From when to read: a little before the newest event that is known, but not before `oldest`."""
        if not self._memory.written_at:
            return oldest
        newest = max(self._memory.written_at.values())
        return max(oldest, _shifted(newest, -_OVERLAP))


def _remember(orders: dict[str, RecentOrder], item: dict[str, Any]) -> None:
    order = orders.setdefault(item["orderId"], RecentOrder())
    if item["detailType"] == OrderCreated.name and not order.opened_at:
        order.opened_at = item["toldAt"]
    state = STATE_AFTER.get(item["detailType"])
    if state in choreography.closed() and not order.closed_at:
        order.closed_at = item["toldAt"]
        order.status = state


def _figures(orders: dict[str, RecentOrder]) -> dict[str, Any]:
    closed = [order for order in orders.values() if order.closed_at]
    closed_per_status = Counter(order.status for order in closed)
    took = sorted(journal.milliseconds(order.opened_at, order.closed_at) for order in closed if order.opened_at)
    return {
        "perMinute": _per_minute(order for order in orders.values() if order.opened_at),
        "closed": {status: closed_per_status[status] for status in choreography.closed()},
        "p50Ms": _percentile(took, 0.5),
        "p99Ms": _percentile(took, 0.99),
    }


def _per_minute(opened: Iterable[RecentOrder]) -> list[dict[str, int]]:
    """How many orders opened in each minute, the oldest first, by what has become of them since."""
    now = Timestamp.now()
    counted = Counter((journal.milliseconds(order.opened_at, now) // 60_000, order.status) for order in opened)
    statuses = ("PENDING", *choreography.closed())
    return [{status: counted[age, status] for status in statuses} for age in reversed(range(MINUTES))]


def _event(item: dict[str, Any]) -> dict[str, Any]:
    name = item["detailType"]
    source = item["source"]
    return {
        "orderId": item["orderId"],
        "name": name,
        "kind": choreography.kind_of(name),
        "toldBy": source.removeprefix("saga."),
        "toldAt": item["toldAt"],
        "heardBy": choreography.heard_by(name, source),
    }


def _shifted(timestamp: str, by: timedelta) -> str:
    return Timestamp.of(datetime.fromisoformat(timestamp) + by)


def _percentile(ordered: list[int], share: float) -> int | None:
    """By nearest rank, as `0.5` for the median; None if there are no numbers."""
    if not ordered:
        return None
    return ordered[math.ceil(share * len(ordered)) - 1]
