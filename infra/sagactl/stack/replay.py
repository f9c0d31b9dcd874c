"""Facts that the journal wrote down, back on the bus.

Whoever heard a fact before only tells again what it told for it; who missed it hears it at last. Facts go as they
were told, metadata included: with hops counted from 0, facts out of a loop would start it anew.
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
from sagactl.stack.deployed import Stack

ORDERS_MAX = 10_000


OPEN_AT_MOST = timedelta(days=1)  # an order's facts are looked for that long after it was opened


_READ_AT_ONCE = 8


def facts_since(stack: Stack, since: Timestamp) -> list[Event]:
    """Facts told since then by the orders opened at most a day before, in the order of their time."""
    opened_since = Timestamp.of(datetime.fromisoformat(since) - OPEN_AT_MOST)
    orders = journal.orders(stack, limit=ORDERS_MAX + 1, since=opened_since)
    if len(orders) > ORDERS_MAX:
        raise SagaError(f"More than {ORDERS_MAX:,} orders were opened since", "Name a later time")
    told = [order.order_id for order in orders if max(order.events.values(), default="") >= since]
    with ThreadPoolExecutor(_READ_AT_ONCE) as pool:
        facts = itertools.chain.from_iterable(pool.map(lambda order_id: facts_of(stack, order_id, since), told))
        return sorted(facts, key=lambda fact: fact.timestamp)


def facts_of(stack: Stack, order_id: str, since: str = "") -> list[Event]:
    """The order's facts told since then, each as it was first told, in the order of their time."""
    facts: dict[str, Event] = {}
    for item in sorted(journal.events(stack, order_id), key=lambda item: (item["toldAt"], item["arrivedAt"])):
        if fact := _fact_in(item):
            facts.setdefault(fact.name, fact)
    return [fact for fact in facts.values() if fact.timestamp >= since]


def put(stack: Stack, facts: Iterable[Event], rate_per_second: int) -> None:
    """Puts them on the bus in the order given. Raises SagaError if the bus refuses any in every attempt."""
    bus = EventBridgeBus(stack.client("events"), stack.outputs["BusName"])
    for batch in itertools.batched(facts, ENTRIES_MAX, strict=False):
        try:
            bus.tell(batch)
        except NotTold as error:
            message = f"PutEvents refuses {error}"
            raise SagaError(message, "Do it all again: what was put already changes nothing") from None
        time.sleep(len(batch) / rate_per_second)


def _fact_in(item: dict[str, Any]) -> Event | None:
    """None for what every service refuses: the journal writes that down too, and the dead-letter queue keeps it."""
    kind = EVENTS.get(item["detailType"])
    if kind is None or kind.source != item["source"]:
        return None
    try:
        return parse(json.loads(item["detail"]), kind)
    except Refused:
        return None
