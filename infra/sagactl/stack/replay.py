"""Replaying: facts that the journal wrote down are put on the bus again.

A service that heard a fact before only tells again what it told for it; one that missed the fact hears it now. Facts
are put as they were told, with fields that this checkout does not know. They keep their metadata, too: if hops started
from 0, the facts of a loop would start it again.
"""

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from contracts.events import EVENTS
from journal.items import in_utf8
from saga.bus import ENTRIES_MAX, EventBridgeBus, NotTold
from saga.event import Event
from saga.serialization import Refused, parse
from sagactl.errors import SagaError
from sagactl.stack import journal
from sagactl.stack.deployed_stack import Stack

ORDERS_MAX = 10_000
ARRIVALS_MAX = 1_000_000
PUT_BYTES_MAX = 256 * 1024  # of one call; an event may have as many by itself
_READ_AT_ONCE = 8


class Fact(NamedTuple):
    """An event as it is read here, and its detail as it was told."""

    event: Event
    detail: dict[str, Any]


class Unfit(NamedTuple):
    """An event that every service refuses: the journal has it, but it is for the dead-letter queue."""

    name: str
    why: str


class Found(NamedTuple):
    """The facts to put, by time, each once and as it was told first; and what is left out."""

    facts: list[Fact]
    left_out: list[Unfit]


def facts_of_period(stack: Stack, since: str, until: str = journal.END) -> Found:
    """Returns the facts that were on the bus from one time to another, whenever their orders were opened.

    Raises SagaError if they are about more orders than can be read.
    """
    arrivals = journal.arrivals(stack, since, ARRIVALS_MAX)
    orders = {arrival["orderId"] for arrival in arrivals}
    if len(orders) > ORDERS_MAX or len(arrivals) == ARRIVALS_MAX:
        raise SagaError(f"The events since then are about more than {ORDERS_MAX:,} orders", "Name a later time")
    with ThreadPoolExecutor(_READ_AT_ONCE) as pool:
        found = list(pool.map(lambda order_id: facts_of(stack, order_id, since, until), orders))
    facts: list[Fact] = []
    left_out: list[Unfit] = []
    for one in found:
        facts += one.facts
        left_out += one.left_out
    return Found(sorted(facts, key=lambda fact: fact.event.timestamp), left_out)


def facts_of(stack: Stack, order_id: str, since: str = "", until: str = journal.END) -> Found:
    """Returns the order's facts that were on the bus from one time to another."""
    facts: dict[str, Fact] = {}
    left_out: list[Unfit] = []
    for item in sorted(journal.events(stack, order_id), key=lambda item: (item["toldAt"], item["arrivedAt"])):
        if not since <= item["arrivedAt"] <= until:
            continue
        match _read(item):
            case Fact() as fact:
                facts.setdefault(fact.event.name, fact)
            case Unfit() as unfit:
                left_out.append(unfit)
    return Found(list(facts.values()), left_out)


def put(stack: Stack, facts: Iterable[Fact], rate_per_second: int) -> None:
    """Puts the facts on the bus in the sequence given. Raises SagaError if the bus keeps refusing one."""
    bus_name = stack.outputs["BusName"]
    bus = EventBridgeBus(stack.client("events"), bus_name)
    for batch in batches([_entry(fact, bus_name) for fact in facts]):
        try:
            bus.put(batch)
        except NotTold as error:
            message = f"PutEvents refuses {error}"
            raise SagaError(message, "Try again: facts that were put already change nothing") from None
        time.sleep(len(batch) / rate_per_second)


def batches(entries: Sequence[dict[str, str]]) -> Iterator[list[dict[str, str]]]:
    """Yields as many entries as one call takes, by their number and their size."""
    batch: list[dict[str, str]] = []
    size = 0
    for entry in entries:
        entry_size = sum(len(value.encode()) for value in entry.values())
        if batch and (len(batch) == ENTRIES_MAX or size + entry_size > PUT_BYTES_MAX):
            yield batch
            batch = []
            size = 0
        batch.append(entry)
        size += entry_size
    if batch:
        yield batch


def _entry(fact: Fact, bus_name: str) -> dict[str, str]:
    detail = in_utf8(fact.detail).decode()
    return {"EventBusName": bus_name, "Source": fact.event.source, "DetailType": fact.event.name, "Detail": detail}


def _read(item: dict[str, Any]) -> Fact | Unfit:
    name = item["detailType"]
    kind = EVENTS.get(name)
    if kind is None:
        return Unfit(name, "this checkout knows no such event")
    if kind.source != item["source"]:
        return Unfit(name, f"{kind.source} alone tells it")
    detail = json.loads(item["detail"])
    try:
        return Fact(parse(detail, kind), detail)
    except Refused as refused:
        return Unfit(name, str(refused))
