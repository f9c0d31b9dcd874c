"""The traces of closed orders, found in the journal by the events that closed them."""

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from opentelemetry.sdk.trace import ReadableSpan

from saga.event import Timestamp
from sagactl.design import choreography
from sagactl.stack import journal
from sagactl.stack.deployed_stack import Stack
from sagactl.stack.spans import spans

PERIOD_SECONDS = 1.0
EVENTS_MAX = 1_000_000
_LATE = timedelta(seconds=15)  # how long after it was written a batch may first be found

type Trace = list[ReadableSpan]


def closed_orders(stack: Stack, since: str) -> list[Trace]:
    """Returns the trace of each order that closed since then, in the order in which they did."""
    return _traces(stack, _closed(stack, since))


def follow_closed_orders(stack: Stack, since: str) -> Iterator[list[Trace]]:
    """Yields the traces of the orders that closed since then; and, again and again, of those that did meanwhile."""
    seen: dict[str, None] = {}
    while True:
        looked_at = Timestamp.now()
        closed = _closed(stack, since)
        new = [order_id for order_id in closed if order_id not in seen]
        if new:
            yield _traces(stack, new)
        seen = closed
        since = max(since, Timestamp.of(datetime.fromisoformat(looked_at) - _LATE))
        time.sleep(PERIOD_SECONDS)


def _closed(stack: Stack, since: str) -> dict[str, None]:
    ends = {event.name for event in choreography.ends()}
    arrived = journal.arrivals(stack, since, EVENTS_MAX)
    return dict.fromkeys(event["orderId"] for event in reversed(arrived) if event["detailType"] in ends)


def _traces(stack: Stack, order_ids: Iterable[str]) -> list[Trace]:
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda order_id: spans(stack, order_id, journal.timeline(stack, order_id)), order_ids))
