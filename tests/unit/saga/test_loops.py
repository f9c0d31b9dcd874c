"""Two services that answer each other without end: the hop guard cuts them off, and counts that it did."""

import pytest
from support.given import a, envelope
from support.memory import MemoryBus, MemoryLedger
from support.output import Counted

from contracts.events import OrderExpired, ShipmentOK
from saga.event import HOPS_MAX, Event, Metadata
from saga.ledger import State
from saga.serialization import Refused
from saga.service import Service
from sagactl.local.in_process import until_quiet


def ship(event: OrderExpired, state: State | None) -> tuple[State, type[ShipmentOK]]:  # noqa: ARG001  # a signature
    return State(status="ANY"), ShipmentOK


def expire(event: ShipmentOK, state: State | None) -> tuple[State, type[OrderExpired]]:  # noqa: ARG001  # a signature
    return State(status="ANY"), OrderExpired


@pytest.fixture
def bus() -> MemoryBus:
    return MemoryBus()


def deliver(bus: MemoryBus) -> None:
    """Hands each fact to the one who hears it, until one is refused."""
    hearers = [Service[State]([reaction], MemoryLedger(), bus) for reaction in (ship, expire)]
    for fact in until_quiet(bus.take):
        assert len(bus.facts) < 100, "the loop goes on"
        for hearer in hearers:
            if fact.name in hearer.reactions:
                hearer.hear(envelope(fact))


def test_a_loop_is_cut_off_and_counted_once(bus: MemoryBus, counted: Counted) -> None:
    bus.tell([a(OrderExpired)])
    with pytest.raises(Refused, match="hops"):
        deliver(bus)
    assert [hops(fact) for fact in bus.facts] == list(range(HOPS_MAX + 2))
    assert counted() == {"Loops": 1, "Refusals": 1}


@pytest.mark.parametrize(("event_hops", "loops"), [(HOPS_MAX - 1, {}), (HOPS_MAX, {"Loops": 1})])
def test_only_a_fact_with_too_many_hops_counts_as_a_loop(
    counted: Counted, event_hops: int, loops: dict[str, int]
) -> None:
    service = Service[State]([ship], MemoryLedger(), MemoryBus())
    service.hear(envelope(a(OrderExpired, metadata=Metadata(hops=event_hops))))
    assert counted() == loops


def hops(fact: Event) -> int:
    return fact.metadata.hops if fact.metadata else 0
