"""A reaction: a pure function that decides what an event means, whose signature is its contract.

Its first parameter's type is what it hears, its second what is known of the order (None if nothing is). It returns the
new state, and the type of the fact to tell, or None.
"""

import itertools
from collections.abc import Callable
from typing import Any, get_args, get_type_hints

from saga.event import Event
from saga.ledger import State

type Reaction[S: State] = Callable[[Any, S | None], tuple[S, type[Event] | None]]


def hears(reaction: Reaction[Any]) -> tuple[type[Event], ...]:
    """The events that the type of the first parameter names."""
    first = next(iter(_hints(reaction).values()))
    return get_args(first) or (first,)


def tells(reaction: Reaction[Any]) -> tuple[type[Event], ...]:
    """The events that the return type names, which is such as `tuple[Payment, type[PaymentOK | PaymentFail]]`."""
    return _events_in(_hints(reaction)["return"])


def _hints(reaction: Reaction[Any]) -> dict[str, Any]:
    """Those of the function that a partial was made of, if it is one."""
    return get_type_hints(getattr(reaction, "func", reaction))


def _events_in(hint: Any) -> tuple[type[Event], ...]:
    if isinstance(hint, type) and issubclass(hint, Event):
        return (hint,)
    return tuple(itertools.chain.from_iterable(map(_events_in, get_args(hint))))
