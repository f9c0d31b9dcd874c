"""The graph of the signatures: no event leads back to itself, none is lost, and every failure undoes what was done.

Signatures say what may be told, not when. `make explore` shows that every order closes, whatever is told when.
"""

import itertools
from collections.abc import Iterable, Iterator
from graphlib import CycleError, TopologicalSorter

from msgspec.structs import fields

from contracts.events import EVENTS
from saga.event import Event
from sagactl.design import choreography, template
from sagactl.design.choreography import FOR_LISTENERS, Step


def problems() -> Iterator[str]:
    """Yields all but the cycles, in which the other checks would run for ever."""
    yield from tellers()
    yield from untellable()
    yield from unwired()
    yield from unheard()
    yield from not_undone()
    yield from dead_ends()


def cycles() -> Iterator[str]:
    """Yields every cycle, edge by edge. Each one found is cut at one edge, until none is left."""
    after = {event: list(told) for event, told in choreography.leads_to().items()}
    while cycle := _cycle(after):
        edges = list(itertools.pairwise(cycle))
        yield (
            f"{cycle[0].name} leads back to itself. Have one of these reactions hear or tell something else:\n"
            + "\n".join(f"    {heard.name} -> {told.name}: {_reactions(heard, told)}" for heard, told in edges)
        )
        after[edges[-1][0]].remove(edges[-1][1])


def _cycle(after: dict[type[Event], list[type[Event]]]) -> list[type[Event]]:
    try:
        TopologicalSorter(after).prepare()
    except CycleError as error:
        cycle: list[type[Event]] = error.args[1]
        return cycle[::-1]  # it has the predecessors first, and ours are successors
    return []


def _reactions(heard: type[Event], told: type[Event]) -> str:
    steps = [step for step in choreography.steps() if step.heard is heard and told in step.tells]
    return ", ".join(_place(step) for step in steps)


def _place(step: Step) -> str:
    return f"{step.name} in functions/{step.module.replace('.', '/')}.py"


def tellers() -> Iterator[str]:
    """Each event is told by the service that its source names, and by no other."""
    for name, event in EVENTS.items():
        owner = choreography.service_of(event)
        match [service for service in choreography.services() if event in choreography.tells_of(service)]:
            case []:
                yield f"{name} is told by nobody. Have a reaction of {owner} tell it, or delete the event."
            case [teller] if teller != owner:
                yield (
                    f"{name} is told by {teller}, and its source in functions/contracts/events.py is {event.source!r}. "
                    f"A service tells events under its own name:\n    source = {f'saga.{teller}'!r}"
                )
            case [_, _, *_] as all_tellers:
                yield (
                    f"{name} is told by {' and '.join(all_tellers)}. Only one service tells an event: leave it to "
                    f"{owner}, and have the others tell events of their own."
                )


def untellable() -> Iterator[str]:
    """A fact is made of its teller's state: what every event has apart, each of its fields is one of that state."""
    states = {step.service: step.state for step in choreography.steps() if step.state}
    for service, state in states.items():
        for event in choreography.tells_of(service):
            missing = [name for name in _own_fields(event) if not hasattr(state, name)]
            if missing:
                yield (
                    f"{event.name} has {' and '.join(missing)}, and {state.__name__}, the state that it is told from, "
                    f"has not. Give the state what the event says:\n    functions/{service}/reactions.py"
                )


def _own_fields(event: type[Event]) -> list[str]:
    of_every_event = {field.name for field in fields(Event)}
    return [field.name for field in fields(event) if field.name not in of_every_event]


def unwired() -> Iterator[str]:
    """Each reaction belongs to the handler of exactly one function."""
    modules = [function.module for function in template.functions()]
    for step in choreography.steps():
        wired = [module for module in modules if step in choreography.wired_in(module)]
        if len(wired) != 1:
            yield (
                f"{_place(step)} is imported by {' and '.join(wired) or 'no handler'}; one function's handler needs "
                f"it:\n    from {step.module} import {step.name}"
            )


def unheard() -> Iterator[str]:
    heard = _heard()
    lost = [name for name, event in EVENTS.items() if event not in heard and name not in FOR_LISTENERS]
    for name in lost:
        yield (
            f"{name} is heard by no service. If it is for listeners outside, say so in "
            f"infra/sagactl/design/choreography.py:\n{_listeners([*FOR_LISTENERS, *lost])}"
        )
    for name in FOR_LISTENERS:
        if name not in EVENTS or EVENTS[name] in heard:
            kept = [other for other in FOR_LISTENERS if other != name]
            yield (
                f"{name} is for listeners outside, says infra/sagactl/design/choreography.py, but a service hears it, "
                f"or it is no event any more:\n{_listeners(kept)}"
            )


def _heard() -> set[type[Event]]:
    return {step.heard for step in choreography.steps() if step.heard}


def _listeners(names: Iterable[str]) -> str:
    return f"    FOR_LISTENERS = {tuple(names)}".replace("'", '"')


def not_undone() -> Iterator[str]:
    """Each failure leads to each compensation of what may have been done before it."""
    for failure in filter(choreography.is_failure, EVENTS.values()):
        if failure in choreography.ends():
            continue  # told once all is undone
        for undo in choreography.compensations():
            if undo not in choreography.leads_at_last_to(failure):
                yield from _left_done(undo, failure)


def _left_done(undo: type[Event], failure: type[Event]) -> Iterator[str]:
    for act in _acts_of(undo):
        if not _excludes(act, failure):
            yield (
                f"{failure.name} may come after {act.name}, and nothing undoes that: no {undo.name} follows. "
                f"In functions/{choreography.service_of(undo)}/reactions.py, have a reaction hear it:\n"
                f"    event: {' | '.join(_heard_for(undo, failure))}"
            )


def _acts_of(undo: type[Event]) -> list[type[Event]]:
    """Returns what the service that tells `undo` tells when it does something."""
    told = choreography.tells_of(choreography.service_of(undo))
    return [act for act in told if not choreography.is_failure(act) and act not in choreography.compensations()]


def _excludes(act: type[Event], failure: type[Event]) -> bool:
    """Returns whether only one of both can happen.

    A service tells either that it did something or that it failed; the same is true of what led to the act.
    """
    causes = [event for event, told in choreography.leads_to().items() if act in told]
    return act.source == failure.source or (bool(causes) and all(_excludes(cause, failure) for cause in causes))


def _heard_for(undo: type[Event], failure: type[Event]) -> list[str]:
    heard = [step.heard.name for step in choreography.steps() if step.heard and step.tells == (undo,)]
    return list(dict.fromkeys([*heard, failure.name]))


def dead_ends() -> Iterator[str]:
    """Whatever is told leads to an end of the order, from the first event on."""
    ends = choreography.ends()
    for event in (event for event in EVENTS.values() if event in _heard()):
        reached = choreography.leads_at_last_to(event)
        if event not in ends and not reached & ends.keys():
            yield (
                f"{event.name} leads to no end: its order stays open. Have a reaction hear it that closes the "
                f"order, or that tells what does: {', '.join(end.name for end in ends)}."
            )
