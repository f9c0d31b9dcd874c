"""The choreography: who hears which event, and tells what for it.

Read off the signatures in reactions.py and unasked.py of every service. Nothing else says so: rules, grants, schemas
and the graph are derived from this, or checked against it.
"""

import importlib
import inspect
from collections.abc import Iterator
from functools import cache
from types import ModuleType
from typing import Any, NamedTuple, get_args, get_type_hints

from saga.events import EVENTS, Event
from saga.ledger import State
from saga.service import hears
from sagactl.paths import PROJECT

type Events = tuple[type[Event], ...]  # in the sequence of saga/events.py


class Step(NamedTuple):
    """A function that may tell events: for one that it hears, or unasked where `heard` is None."""

    service: str
    name: str
    heard: type[Event] | None
    tells: Events
    state: type[State] | None


@cache
def steps() -> tuple[Step, ...]:
    """Services come in the sequence in which saga/events.py has their events, reactions as their module has them."""
    found = {path.parent.name for path in (PROJECT / "functions").glob("*/reactions.py")}
    tellers = list(dict.fromkeys(event.source.removeprefix("saga.") for event in EVENTS.values()))
    names = sorted(found, key=lambda name: (tellers.index(name) if name in tellers else len(tellers), name))
    return tuple(step for name in names for module in _modules(name) for step in _steps(name, module))


def services() -> tuple[str, ...]:
    return tuple(dict.fromkeys(step.service for step in steps()))


def hears_of(service: str) -> Events:
    return _in_sequence({step.heard for step in steps() if step.service == service and step.heard})


def tells_of(service: str) -> Events:
    return _in_sequence({event for step in steps() if step.service == service for event in step.tells})


def leads_to() -> dict[type[Event], Events]:
    """Each event, with those that hearing it may have told."""
    after: dict[type[Event], set[type[Event]]] = {event: set() for event in EVENTS.values()}
    for step in steps():
        if step.heard:
            after[step.heard].update(step.tells)
    return {event: _in_sequence(told) for event, told in after.items()}


def _modules(service: str) -> Iterator[ModuleType]:
    for name in ("unasked", "reactions"):
        if (PROJECT / "functions" / service / f"{name}.py").exists():
            yield importlib.import_module(f"{service}.{name}")


def _steps(service: str, module: ModuleType) -> Iterator[Step]:
    for name, function in vars(module).items():
        if not inspect.isfunction(function) or function.__module__ != module.__name__:
            continue
        returned = get_type_hints(function)["return"]
        if returned in EVENTS.values():
            yield Step(service, name, None, (returned,), None)
        elif state := _state_in(returned):
            for heard in hears(function):
                if heard in EVENTS.values():  # a helper takes any event
                    yield Step(service, name, heard, _events_in(returned), state)


def _state_in(hint: Any) -> type[State] | None:
    """The first of `tuple[Payment, type[PaymentOK | PaymentFail]]`."""
    first = next(iter(get_args(hint)), None)
    return first if isinstance(first, type) and issubclass(first, State) else None


def _events_in(hint: Any) -> Events:
    if hint in EVENTS.values():
        return (hint,)
    return _in_sequence({event for inner in get_args(hint) for event in _events_in(inner)})


def _in_sequence(events: set[type[Event]]) -> Events:
    return tuple(event for event in EVENTS.values() if event in events)
