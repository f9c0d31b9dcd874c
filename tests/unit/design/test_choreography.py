"""What the reactions' signatures promise together: no event leads back to itself, every fact can be told."""

from graphlib import TopologicalSorter

import pytest

from contracts.events import EVENTS, OrderCancelled, OrderCreated, OrderExpired
from saga.event import Event
from sagactl.design import choreography
from sagactl.local.functions import load


def test_no_event_leads_back_to_itself() -> None:
    TopologicalSorter(choreography.leads_to()).prepare()  # raises CycleError, and names the cycle


def test_nothing_is_more_than_four_hops_away_from_an_order() -> None:
    after = choreography.leads_to()

    def hops(event: type[Event]) -> int:
        return max((1 + hops(told) for told in after[event]), default=0)

    assert max(map(hops, after)) == 4


def test_every_event_is_told_by_the_service_whose_it_is() -> None:
    told = {event: service for service in choreography.services() for event in choreography.tells_of(service)}
    assert told == {event: event.source.removeprefix("saga.") for event in EVENTS.values()}


def test_what_is_told_without_hearing_an_event() -> None:
    triggered = [event for step in choreography.steps() if step.heard is None for event in step.tells]
    assert triggered == [OrderCreated, OrderCancelled, OrderExpired]


@pytest.mark.parametrize("service", choreography.services())
def test_a_service_reacts_to_what_its_signatures_say(service: str) -> None:
    wired = load(f"{service}.app").service.reactions
    assert wired.keys() == {event.name for event in choreography.hears_of(service)}
    for step in choreography.steps():
        if step.service == service and step.heard:
            reaction = wired[step.heard.name]
            assert getattr(reaction, "func", reaction).__name__ == step.name
