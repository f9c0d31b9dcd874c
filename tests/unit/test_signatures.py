"""What the reactions' signatures promise together: no event leads back to itself, every fact can be told."""

from graphlib import TopologicalSorter

import pytest
from deployment import load
from msgspec.structs import fields
from signatures import returns

from order.reactions import Order
from saga.events import EVENTS, OrderCreated, OrderExpired
from saga.service import hears

REACTIONS = {name: load(f"{name}.app").service.reactions for name in ("order", "payment", "inventory", "shipping")}
GIVEN = {"order_id", "timestamp", "metadata"}  # to every fact, besides what its teller's state says


def hears_tells() -> dict[str, set[str]]:
    """Each event that is heard, with those that it may lead to."""
    graph: dict[str, set[str]] = {}
    for reactions in REACTIONS.values():
        for reaction in reactions.values():
            for heard in hears(reaction):
                graph.setdefault(heard.__name__, set()).update(e.__name__ for e in returns(reaction)[1])
    return graph


def test_no_event_leads_back_to_itself() -> None:
    TopologicalSorter(hears_tells()).prepare()  # raises CycleError, and names the cycle


def test_every_event_is_told_by_a_reaction_or_from_outside() -> None:
    told = {event for tells in hears_tells().values() for event in tells}
    assert set(EVENTS) - told == {OrderCreated.__name__, OrderExpired.__name__}


@pytest.mark.parametrize("service", REACTIONS)
def test_a_service_tells_its_own_facts_from_its_own_state(service: str) -> None:
    for reaction in REACTIONS[service].values():
        state, tells = returns(reaction)
        for fact in tells:
            assert fact.source == f"saga.{service}"
            assert [f.name for f in fields(fact) if f.name not in GIVEN and not hasattr(state, f.name)] == []


def test_an_order_can_tell_that_it_was_created() -> None:
    assert {f.name for f in fields(OrderCreated)} <= {f.name for f in fields(Order)} | GIVEN
