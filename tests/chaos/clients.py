"""Clients that place and cancel orders and, like any client, try again when they get no answer."""

import time
from dataclasses import dataclass

from chaos.plan import Wanted

from contracts.events import OrderCreated
from order import triggers
from saga.bus import EventBridgeBus
from saga.event import Timestamp
from saga.serialization import parse
from sagactl.errors import SagaError
from sagactl.stack import api, entries
from sagactl.stack.deployed_stack import Stack

POSTS_MAX = 30
_PAUSE_SECONDS = 1


@dataclass(frozen=True)
class Placed:
    """An order with its ID, and how often it was posted. `event` is what was put on the bus instead, if it was."""

    wanted: Wanted
    order_id: str
    posts: int = 0
    event: OrderCreated | None = None


def place(stack: Stack, bus: EventBridgeBus, wanted: Wanted) -> Placed:
    if wanted.via == "api":
        return _post(stack, wanted)
    named = {"eventType": OrderCreated.name, "orderId": str(wanted.order_id), "timestamp": Timestamp.now()}
    event = parse(named | wanted.fields, OrderCreated)
    bus.tell([event])
    return Placed(wanted, str(event.order_id), event=event)


def cancel(stack: Stack, bus: EventBridgeBus, placed: Placed) -> None:
    """Asks for the order back through the door that it was placed by, if its customer wants that, and when."""
    if placed.wanted.cancelled_after_seconds is None:
        return
    time.sleep(placed.wanted.cancelled_after_seconds)
    if placed.event is None:
        _ask_back(stack, placed.order_id)
    else:
        bus.tell([triggers.cancel(placed.event.order_id, Timestamp.now())])


def _ask_back(stack: Stack, order_id: str) -> None:
    for _ in range(POSTS_MAX):
        try:
            api.cancel_order(stack, order_id)
        except api.Unavailable:
            time.sleep(_PAUSE_SECONDS)
        except SagaError:
            return  # it is COMPLETED
        else:
            return


def put_again(stack: Stack, bus: EventBridgeBus, placed: list[Placed]) -> int:
    """Puts OrderCreated on the bus again for orders that the order service does not know. Returns how many."""
    events = {each.order_id: each.event for each in placed if each.event is not None}
    unknown = [event for order_id, event in events.items() if entries.state_of(stack, "order", order_id) is None]
    bus.tell(unknown)
    return len(unknown)


def _post(stack: Stack, wanted: Wanted) -> Placed:
    """Posts the order until there is an answer, each time with the same Idempotency-Key."""
    posts = 0
    while True:
        posts += 1
        try:
            answer = api.place_order(stack, wanted.fields, wanted.key)
        except SagaError:
            if posts == POSTS_MAX:
                raise
            time.sleep(_PAUSE_SECONDS)
        else:
            return Placed(wanted, str(answer["orderId"]), posts)
