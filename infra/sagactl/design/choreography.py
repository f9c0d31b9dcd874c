"""The choreography: who hears which event, and tells what for it.

This is read from the signatures in every service's reactions.py and triggers.py. Nothing else says so: rules, grants,
schemas and drawings are derived from this.
"""

import ast
import importlib
import inspect
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from types import ModuleType
from typing import Any, Literal, NamedTuple, get_args, get_type_hints

from msgspec.structs import fields

from contracts.events import EVENTS
from saga.event import Event
from saga.ledger import State
from saga.reaction import hears, tells
from sagactl.design import samples
from sagactl.paths import PROJECT

# Told to whoever listens outside: no service needs to hear these.
FOR_LISTENERS: tuple[str, ...] = ()

type Kind = Literal["progress", "failure", "compensation"]
type Events = tuple[type[Event], ...]  # in the order of contracts/events.py


class Step(NamedTuple):
    """A function that may tell events when it hears one; or without hearing any, if `heard` is None."""

    service: str
    name: str
    heard: type[Event] | None
    tells: Events
    state: type[State] | None
    function: Callable[..., Any]

    @property
    def module(self) -> str:
        return self.function.__module__


@cache
def services() -> tuple[str, ...]:
    """Returns every folder with reactions. Those that tell events come first, in the order of contracts/events.py."""
    found = {path.parent.name for path in (PROJECT / "functions").glob("*/reactions.py")}
    tellers = [service_of(event) for event in EVENTS.values()]
    return tuple(dict.fromkeys(name for name in [*tellers, *sorted(found)] if name in found))


@cache
def steps() -> tuple[Step, ...]:
    """Returns the steps of each service in turn, in the order of its modules."""
    found: list[Step] = []
    for service in services():
        for module in _modules(service):
            found.extend(_steps(service, module))
    return tuple(found)


def service_of(event: type[Event]) -> str:
    """Returns the one service that may tell the event."""
    return event.source.removeprefix("saga.")


def hears_of(service: str) -> Events:
    return _in_sequence({step.heard for step in steps() if step.service == service and step.heard})


def tells_of(service: str) -> Events:
    return told_by(step for step in steps() if step.service == service)


def told_by(of: Iterable[Step]) -> Events:
    """Returns what these steps may tell."""
    return _in_sequence(set().union(*(step.tells for step in of)))


def heard_by(name: str, source: str) -> tuple[str, ...]:
    """Returns the services that hear the event; none if the source may not tell it."""
    event = EVENTS.get(name)
    if event is None or event.source != source:
        return ()
    return tuple(service for service in services() if event in hears_of(service))


def leads_to() -> dict[type[Event], Events]:
    """Returns each event, with those that services may tell when they hear it."""
    after: dict[type[Event], set[type[Event]]] = {event: set() for event in EVENTS.values()}
    for step in steps():
        if step.heard:
            after[step.heard].update(step.tells)
    return {event: _in_sequence(told) for event, told in after.items()}


def leads_at_last_to(event: type[Event]) -> set[type[Event]]:
    """Returns all that may be told because of an event, at once or after other events."""
    after = leads_to()
    found: set[type[Event]] = set()
    open_ends = [event]
    while open_ends:
        new = set(after[open_ends.pop()]) - found
        found |= new
        open_ends += new
    return found


def has_cycle() -> bool:
    """Returns whether an event leads back to itself."""
    return any(event in leads_at_last_to(event) for event in EVENTS.values())


def is_failure(event: type[Event]) -> bool:
    """Returns whether the event must say why something was not done. A compensation may say why it undoes something."""
    return "reason" in {field.name for field in fields(event) if field.required}


def compensations() -> Events:
    """Returns what is told when a failure is heard, and is itself no failure: something was undone."""
    told = told_by(step for step in steps() if step.heard and is_failure(step.heard))
    return tuple(fact for fact in told if not is_failure(fact))


@cache
def kind_of(name: str) -> Kind:
    """Returns what an event is to its order. Whatever does not follow from placing the order is a failure."""
    event = EVENTS.get(name)
    if event in compensations():
        return "compensation"
    placed = next(step.tells[0] for step in steps() if step.heard is None)
    follows = event is placed or event in leads_at_last_to(placed)
    return "progress" if event and follows and not is_failure(event) else "failure"


@cache
def ends() -> dict[type[Event], str]:
    """Returns the events that close an order, with its status then.

    The order is FAILED when its own service says so, because of what it heard. The other events are those that close an
    order which its service has not heard of before, with a status that no open order has.
    """
    owner = next(step.service for step in steps() if step.heard is None)
    concluded = told_by(step for step in steps() if step.service == owner and step.heard)
    found = dict.fromkeys(concluded, "FAILED")
    first = _after_first_event(owner)
    open_statuses = {state.status for state in first.values() if state.is_open}
    found |= {event: state.status for event, state in first.items() if state.status not in open_statuses}
    return dict(sorted(found.items(), key=lambda end: end[1]))


def closed() -> tuple[str, ...]:
    """The statuses of a closed order: COMPLETED and FAILED."""
    return tuple(dict.fromkeys(ends().values()))


@cache
def wired_in(module: str) -> tuple[Step, ...]:
    """Returns the steps that a handler's module imports, and so hears and tells."""
    service, _, _ = module.partition(".")
    tree = ast.parse((PROJECT / "functions" / f"{module.replace('.', '/')}.py").read_text())
    imported: set[tuple[str | None, str]] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            imported.update((node.module, alias.name) for alias in node.names)
    of_service = [step for step in steps() if step.service == service]
    return tuple(step for step in of_service if (step.module, step.name) in imported)


def _after_first_event(service: str) -> dict[type[Event], Any]:
    """The service's State of an order after each event that it may hear first."""
    states = {}
    for step in steps():
        if step.service == service and step.heard:
            states[step.heard], _ = step.function(samples.event(step.heard.name), None)
    return states


def _modules(service: str) -> Iterator[ModuleType]:
    for name in ("triggers", "reactions"):
        if (PROJECT / "functions" / service / f"{name}.py").exists():
            yield importlib.import_module(f"{service}.{name}")


def _steps(service: str, module: ModuleType) -> Iterator[Step]:
    for name, function in vars(module).items():
        if not inspect.isfunction(function) or function.__module__ != module.__name__:
            continue
        returned = get_type_hints(function)["return"]
        if returned in EVENTS.values():
            yield Step(service, name, None, (returned,), None, function)
        elif state := _state_in(returned):
            for heard in hears(function):
                if heard in EVENTS.values():  # a helper takes any event
                    yield Step(service, name, heard, _in_sequence(set(tells(function))), state, function)


def _state_in(hint: Any) -> type[State] | None:
    """Returns the first of `tuple[Payment, type[PaymentOK | PaymentFail]]`, if it is a State."""
    first = next(iter(get_args(hint)), None)
    if isinstance(first, type) and issubclass(first, State):
        return first
    return None


def _in_sequence(events: set[type[Event]]) -> Events:
    return tuple(event for event in EVENTS.values() if event in events)
