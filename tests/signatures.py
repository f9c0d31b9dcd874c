"""What a reaction's signature says it returns; what it hears, `saga.service.hears` reads from it."""

from typing import Any, get_args, get_type_hints

from saga.events import Event
from saga.ledger import State


def returns(reaction: Any) -> tuple[type[State], set[type[Event]]]:
    """A reaction's state, and the facts it may tell: `tuple[Payment, type[PaymentOK | PaymentFail]]`."""
    state, told = get_args(get_type_hints(getattr(reaction, "func", reaction))["return"])
    return state, events_in(told)


def events_in(hint: Any) -> set[type[Event]]:
    if isinstance(hint, type) and issubclass(hint, Event):
        return {hint}
    return {event for inner in get_args(hint) for event in events_in(inner)}
