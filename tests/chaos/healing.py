"""What repairs the rest after the storm: orders put on the bus again, dead letters redriven, and the watchdog."""

import time
from contextlib import suppress
from dataclasses import dataclass

from chaos.clients import Placed, put_again
from chaos.faulty_bus import FaultyBus

from saga.bus import EventBridgeBus
from sagactl.design import choreography
from sagactl.errors import SagaError
from sagactl.stack import dead_letters, entries, expiry
from sagactl.stack import redrive as redriving
from sagactl.stack.deployed_stack import Stack

QUIET_SECONDS = 4  # longer than Lambda waits here before its last retry, plus a cold start
_TIMEOUT_SECONDS = 300
_LOOK_SECONDS = 0.2


@dataclass
class Healed:
    """How often each remedy was needed, and how many orders had closed before that."""

    closed_before: int
    put_again: int = 0
    redriven: int = 0


def heal(stack: Stack, bus: EventBridgeBus, faulty: FaultyBus, placed: list[Placed]) -> Healed:
    """Repairs until every order is closed and no dead letter is left, or until the timeout."""
    ids = {each.order_id for each in placed}
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
            with suppress(SagaError):  # like any function, the watchdog may fail, and is called again
                expiry.expire(stack, "all")
        until_quiet(faulty)
        unclosed = still_open(stack, ids)
    return healed


def until_quiet(bus: FaultyBus) -> None:
    """Waits until nothing was told for QUIET_SECONDS."""
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    while bus.quiet_seconds < QUIET_SECONDS and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)


def still_open(stack: Stack, order_ids: set[str]) -> set[str]:
    found = {order_id: entries.state_of(stack, "order", order_id) for order_id in order_ids}
    return {order_id for order_id, order in found.items() if order is None or order.status not in choreography.closed()}


def redrive(stack: Stack, order_ids: set[str]) -> int:
    """Redrives as `saga dlq redrive` does. Letters of other orders stay in the queue; the watchdog's have no order."""
    with dead_letters.held(stack) as found:
        letters = [letter for letter in found.letters if letter.order_id in {*order_ids, None}]
        return len(list(redriving.redrive(stack, letters)))
