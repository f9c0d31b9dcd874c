"""Replaying: facts that the journal wrote down are put on the bus again.

A service that heard a fact before only tells again what it told for it; one that missed the fact hears it now. Facts
keep their metadata, too: if hops started from 0, the facts of a loop would start it again.
"""

import itertools
import json
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

from contracts.events import EVENTS
from saga.bus import ENTRIES_MAX, EventBridgeBus, NotTold
from saga.event import Event, Timestamp
from saga.serialization import Refused, parse
from sagactl.errors import SagaError
from sagactl.stack import journal
from sagactl.stack.deployed_stack import Stack

ORDERS_MAX = 10_000
OPEN_AT_MOST = timedelta(days=1)  # facts are looked for in the orders opened this long before
_READ_AT_ONCE = 8


def facts_since(stack: Stack, since: Timestamp) -> list[Event]:
    """Returns the facts told since then about the orders opened at most a day before that, by time."""
    opened_since = Timestamp.of(datetime.fromisoformat(since) - OPEN_AT_MOST)
    orders = journal.orders(stack, limit=ORDERS_MAX + 1, since=opened_since)
    if len(orders) > ORDERS_MAX:
        raise SagaError(f"More than {ORDERS_MAX:,} orders were opened since", "Name a later time")
    told = [order.order_id for order in orders if max(order.events.values(), default="") >= since]
    with ThreadPoolExecutor(_READ_AT_ONCE) as pool:
        facts = itertools.chain.from_iterable(pool.map(lambda order_id: facts_of(stack, order_id, since), told))
        return sorted(facts, key=lambda fact: fact.timestamp)


def facts_of(stack: Stack, order_id: str, since: str = "") -> list[Event]:
    """Returns the order's facts told since then by time, each as it was told first."""
    facts: dict[str, Event] = {}
    for item in sorted(journal.events(stack, order_id), key=lambda item: (item["toldAt"], item["arrivedAt"])):
        if fact := _fact_in(item):
            facts.setdefault(fact.name, fact)
    return [fact for fact in facts.values() if fact.timestamp >= since]


def put(stack: Stack, facts: Iterable[Event], rate_per_second: int) -> None:
    """Puts the facts on the bus in the sequence given. Raises SagaError if the bus keeps refusing one."""
    bus = EventBridgeBus(stack.client("events"), stack.outputs["BusName"])
    for batch in itertools.batched(facts, ENTRIES_MAX, strict=False):
        try:
            bus.tell(batch)
        except NotTold as error:
            message = f"PutEvents refuses {error}"
            raise SagaError(message, "Try again: facts that were put already change nothing") from None
        time.sleep(len(batch) / rate_per_second)


def _fact_in(item: dict[str, Any]) -> Event | None:
    """Returns None for an event that every service refuses: the journal has it, but it is for the dead-letter queue."""
    kind = EVENTS.get(item["detailType"])
    if kind is None or kind.source != item["source"]:
        return None
    try:
        return parse(json.loads(item["detail"]), kind)
    except Refused:
        return None
