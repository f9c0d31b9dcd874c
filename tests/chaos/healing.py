"""What mends the rest once no more goes wrong: whoever put an order on the bus, redriven dead letters, the watchdog."""

import time
from dataclasses import dataclass

from chaos.clients import Placed, put_again
from chaos.faulty_bus import FaultyBus

from saga.bus import EventBridgeBus
from sagactl.design import choreography
from sagactl.stack import books, dead_letters
from sagactl.stack import redrive as redriving
from sagactl.stack.deployed import Stack

QUIET_SECONDS = 4  # longer than Lambda waits before its last retry here, and a cold start
_TIMEOUT_SECONDS = 300
_LOOK_SECONDS = 0.2


@dataclass
class Healed:
    """How often each remedy was needed, and how many orders had closed before that."""

    closed_before: int
    put_again: int = 0
    redriven: int = 0


def heal(stack: Stack, bus: EventBridgeBus, faulty: FaultyBus, placed: list[Placed]) -> Healed:
    """Until every order is closed, no dead letter is left and nothing is told any more, or the time is up."""
    ids = {p.order_id for p in placed}
    unclosed = still_open(stack, ids)
    healed = Healed(closed_before=len(ids) - len(unclosed))
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        redriven = redrive(stack, ids)
        if not (unclosed or redriven):
            break
        healed.redriven += redriven
        if unclosed:
            healed.put_again += put_again(stack, bus, placed)
            stack.client("lambda").invoke(FunctionName=stack.outputs["OrderWatchdogFunction"])
        until_quiet(faulty)
        unclosed = still_open(stack, ids)
    return healed


def until_quiet(bus: FaultyBus) -> None:
    """Until nothing has been told for a while."""
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    while bus.quiet_seconds < QUIET_SECONDS and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)


def still_open(stack: Stack, order_ids: set[str]) -> set[str]:
    found = {order_id: books.state_of(stack, "order", order_id) for order_id in order_ids}
    return {order_id for order_id, order in found.items() if order is None or order.status not in choreography.closed()}


def redrive(stack: Stack, order_ids: set[str]) -> int:
    """As `saga dlq redrive` does. Letters about other orders stay where they are; the watchdog's are about none."""
    with dead_letters.held(stack) as found:
        letters = [letter for letter in found.letters if letter.order_id in {*order_ids, None}]
        return len(list(redriving.redrive(stack, letters)))
