"""The ways tried out: an order for each of them is placed, and followed until it is closed."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from sagactl.design import choreography
from sagactl.design.ways import UNITS, Way, all_ways
from sagactl.stack import audit, entries, journal, shop
from sagactl.stack.deployed_stack import Stack

TIMEOUT_SECONDS = 60
PERIOD_SECONDS = 0.1
_THROUGH_THE_API = 2  # of the orders


@dataclass
class Trial:
    """An order that is to go one of the ways, how it is placed, and what is known of it so far."""

    way: Way
    via: shop.Via
    order_id: str = ""
    status: str = "PENDING"
    reason: str | None = None
    timeline: list[journal.Told] = field(default_factory=list)

    @property
    def is_closed(self) -> bool:
        return self.status in choreography.closed()

    @property
    def is_told(self) -> bool:
        """Whether the order is closed, and its last event has reached the journal, too."""
        last = {event.name for event in choreography.ends()}
        return self.is_closed and any(told.name in last for told in self.timeline)

    def fields(self) -> dict[str, Any]:
        """Returns the trial as JSON has it."""
        fields = asdict(self)
        del fields["way"]
        return self.way._asdict() | fields


def all_trials(units: int = UNITS) -> list[Trial]:
    """Returns a trial of each way for as many units in stock: some through the API, the others by the bus."""
    trials = []
    for number, way in enumerate(all_ways(units).values()):
        via: shop.Via = "api" if number < _THROUGH_THE_API else "bus"
        trials.append(Trial(way, via))
    return trials


def place(stack: Stack, trial: Trial) -> None:
    if trial.way.is_cancelled:
        trial.order_id = shop.place_cancelled(stack, trial.way.wanted)
    else:
        trial.order_id = shop.place(stack, trial.way.wanted, trial.via)


def run(stack: Stack, trials: Sequence[Trial], pause_seconds: float = 0) -> Iterator[Sequence[Trial]]:
    """Places each order once the one before is closed, and goes on until all are told.

    At once, they would only wait for each other: each would have functions of its own started. Yields those placed so
    far whenever there may be more to know of them. Gives up an order that is not closed in TIMEOUT_SECONDS. Pauses
    before each order.
    """
    for number, trial in enumerate(trials, start=1):
        time.sleep(pause_seconds)
        place(stack, trial)
        yield from _follow(stack, trials[:number], lambda placed: placed[-1].is_closed)
    yield from _follow(stack, trials, lambda placed: all(trial.is_told for trial in placed))


def _follow(
    stack: Stack, placed: Sequence[Trial], is_over: Callable[[Sequence[Trial]], bool]
) -> Iterator[Sequence[Trial]]:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not is_over(placed) and time.monotonic() < deadline:
        for trial in placed:
            if not trial.is_told:
                _look(stack, trial)
        yield placed
        time.sleep(PERIOD_SECONDS)


def problems(stack: Stack, trials: Iterable[Trial], stocked: dict[str, int]) -> list[str]:
    """Returns a line for each order that ended otherwise than its way does, and for what does not balance."""
    found = []
    order_ids = []
    for trial in trials:
        order_ids.append(trial.order_id)
        if trial.status != trial.way.ends:
            found.append(f"{trial.way.title}: {trial.status}, not {trial.way.ends}")
    return found + audit.audit(stack, order_ids, stocked)


def _look(stack: Stack, trial: Trial) -> None:
    trial.timeline = journal.timeline(stack, trial.order_id)
    order = entries.state_of(stack, "order", trial.order_id)
    if order:
        trial.status = order.status
        trial.reason = order.reason
