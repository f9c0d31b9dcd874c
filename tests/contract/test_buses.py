"""What every bus promises: each fact that is told is on it once and complete."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import boto3
import pytest
from moto import mock_aws
from support.emulation import Heard
from support.given import a, envelope
from support.memory import MemoryBus

from contracts.events import EVENTS, OrderExpired
from saga.bus import ENTRIES_MAX, Bus, EventBridgeBus
from saga.event import Event, Metadata
from saga.serialization import parse

type OnBus = Callable[[], list[tuple[str, Event]]]


@pytest.fixture(params=["memory", "moto"])
def bus(request: pytest.FixtureRequest) -> Iterator[tuple[Bus, OnBus]]:
    """A bus, and what is on it: sources, and events as a service reads them."""
    if request.param == "memory":
        memory = MemoryBus()
        yield memory, lambda: [read(envelope(fact)) for fact in memory.take()]
    else:
        with mock_aws():
            heard = Heard()
            yield EventBridgeBus(boto3.client("events"), heard.bus_name), lambda: [read(e) for e in heard()]


def read(delivered: dict[str, Any]) -> tuple[str, Event]:
    return delivered["source"], parse(delivered["detail"], EVENTS[delivered["detail-type"]])


def test_every_event_arrives_as_it_was_told(bus: tuple[Bus, OnBus]) -> None:
    teller, on_bus = bus
    facts = [a(event, metadata=Metadata("cause", 1)) for event in EVENTS.values()]
    for fact in facts:
        teller.tell([fact])
    assert on_bus() == [(fact.source, fact) for fact in facts]


@pytest.mark.parametrize("number", [0, 1, ENTRIES_MAX, 2 * ENTRIES_MAX + 5])
def test_any_number_of_facts_may_be_told_at_once(bus: tuple[Bus, OnBus], number: int) -> None:
    teller, on_bus = bus
    facts = [a(OrderExpired, order_id=UUID(int=n)) for n in range(number)]
    teller.tell(facts)
    assert [event for _, event in on_bus()] == facts
