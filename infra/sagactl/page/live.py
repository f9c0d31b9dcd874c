"""What happens just now, read from the journal as long as anybody looks, and what has happened in the last minutes."""

import asyncio
import itertools
import json
import math
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from contracts.events import OrderCreated
from journal.items import STATE_AFTER
from saga.event import Timestamp
from sagactl.design import choreography
from sagactl.errors import SagaError
from sagactl.stack import dead_letters, journal, shop
from sagactl.stack.deployed import Stack

MINUTES = 10
EVENTS_MAX = 5_000  # read at once; with more in the last minutes, the figures are those of the newest
PERIOD_SECONDS = 0.5
_OVERLAP = timedelta(seconds=10)  # an event may be written down that long after others that arrived with it
_LETTERS_EVERY = 4  # looks


@dataclass
class Order:
    opened_at: str = ""
    closed_at: str = ""
    status: str = "PENDING"


class Known:
    """The stack, found once; after a failure it is looked for again, as it may be another then."""

    def __init__(self, find: Callable[[], Stack]) -> None:
        self._find = find
        self._stack: Stack | None = None

    def __call__(self) -> Stack:
        self._stack = stack = self._stack or self._find()
        return stack

    def forget(self) -> None:
        self._stack = None


class Feed:
    """Looks at the journal again and again."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._seen: dict[str, str] = {}  # when each event arrived, by its id
        self._orders: dict[str, Order] = {}
        self._letters: int | None = None
        self._looks = itertools.count()

    def look(self) -> dict[str, Any]:
        """Events not seen before, oldest first, and the figures; or why nothing can be seen."""
        try:
            stack = self._known()
            stack.where.check()
            new, number = self._new_events(stack), next(self._looks)
            if number % _LETTERS_EVERY == 0:
                self._letters = dead_letters.counted(stack)
        except (SagaError, BotoCoreError, ClientError) as error:
            self._known.forget()
            self.__init__(self._known)  # type: ignore[misc]  # nothing of it may be true of what comes back
            return {"down": str(error)}
        events = [_event(item) for item in new] if number else []  # what was before the first look is no news
        return {"events": events, "figures": self._figures(), "deadLetters": self._letters}

    def _new_events(self, stack: Stack) -> list[dict[str, Any]]:
        oldest = Timestamp.of(datetime.fromisoformat(Timestamp.now()) - timedelta(minutes=MINUTES))
        newest = max(self._seen.values(), default=None)
        since = max(oldest, Timestamp.of(datetime.fromisoformat(newest) - _OVERLAP)) if newest else oldest
        items = journal.arrivals(stack, since, EVENTS_MAX)
        new = [item for item in reversed(items) if item["eventId"] not in self._seen]
        self._seen = {item["eventId"]: item["arrivedAt"] for item in items} or self._seen
        for item in new:
            self._learn(item)
        self._orders = {order_id: order for order_id, order in self._orders.items() if _last(order) >= oldest}
        return new

    def _learn(self, item: dict[str, Any]) -> None:
        order = self._orders.setdefault(item["orderId"], Order())
        state = STATE_AFTER.get(item["detailType"], "")
        if item["detailType"] == OrderCreated.name:
            order.opened_at = order.opened_at or item["toldAt"]
        if state in shop.CLOSED and not order.closed_at:
            order.closed_at, order.status = item["toldAt"], state

    def _figures(self) -> dict[str, Any]:
        now = Timestamp.now()
        ages = [
            journal.milliseconds(order.opened_at, now) // 60_000 for order in self._orders.values() if order.opened_at
        ]
        per_minute = Counter(ages)
        closed = Counter(order.status for order in self._orders.values() if order.closed_at)
        took = sorted(
            journal.milliseconds(order.opened_at, order.closed_at)
            for order in self._orders.values()
            if order.opened_at and order.closed_at
        )
        return {
            "perMinute": [per_minute[age] for age in reversed(range(MINUTES))],
            "closed": {status: closed[status] for status in shop.CLOSED},
            "p50Ms": _percentile(took, 0.5),
            "p99Ms": _percentile(took, 0.99),
        }


class Live:
    """Hands what the feed sees to everybody who listens; it looks only while somebody does."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._listeners: set[asyncio.Queue[str | None]] = set()
        self._looking: asyncio.Task[None] | None = None

    async def listen(self) -> AsyncGenerator[str]:
        """Server-sent events; each has what one look saw. They end if looking fails for a reason not foreseen."""
        queue: asyncio.Queue[str | None] = asyncio.Queue(maxsize=100)
        self._listeners.add(queue)
        self._looking = self._looking or asyncio.create_task(self._look())
        try:
            while seen := await queue.get():
                yield f"data: {seen}\n\n"
        finally:
            self._listeners.discard(queue)
            if not self._listeners and self._looking:
                self._looking.cancel()
                self._looking = None

    async def _look(self) -> None:
        try:
            while True:
                self._hand_out(json.dumps(await asyncio.to_thread(self._feed.look)))
                await asyncio.sleep(PERIOD_SECONDS)
        finally:
            self._hand_out(None)

    def _hand_out(self, seen: str | None) -> None:
        for queue in self._listeners:
            if queue.full():  # somebody asleep misses the oldest
                queue.get_nowait()
            queue.put_nowait(seen)


def _event(item: dict[str, Any]) -> dict[str, Any]:
    name, source = item["detailType"], item["source"]
    return {
        "orderId": item["orderId"],
        "name": name,
        "kind": choreography.kind_of(name),
        "toldBy": source.removeprefix("saga."),
        "toldAt": item["toldAt"],
        "heardBy": choreography.heard_by(name, source),
    }


def _last(order: Order) -> str:
    return max(order.opened_at, order.closed_at) or "~"


def _percentile(ordered: list[int], share: float) -> int | None:
    return ordered[math.ceil(share * len(ordered)) - 1] if ordered else None
