"""Who places orders, and does what users do when no answer comes: the same again."""

import time
from dataclasses import dataclass

from chaos.plan import Wanted

from contracts.events import OrderCreated
from saga.bus import EventBridgeBus
from saga.event import Timestamp
from saga.serialization import parse
from sagactl.errors import SagaError
from sagactl.stack import api, books
from sagactl.stack.deployed import Stack

POSTS_MAX = 30
_PAUSE_SECONDS = 1


@dataclass(frozen=True)
class Placed:
    """An order with its id, and how often it was posted; `event` is what was put on the bus in place of that."""

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


def put_again(stack: Stack, bus: EventBridgeBus, placed: list[Placed]) -> int:
    """Puts OrderCreated again where the order service doesn't know of it: it is its teller's to see to until then."""
    unknown = [p.event for p in placed if p.event and books.state_of(stack, "order", p.order_id) is None]
    bus.tell(unknown)
    return len(unknown)


def _post(stack: Stack, wanted: Wanted) -> Placed:
    """Posts until it is answered, each time with the same Idempotency-Key."""
    posts = 1
    while True:
        try:
            answer = api.place_order(stack, wanted.fields, wanted.key)
        except SagaError:
            if posts == POSTS_MAX:
                raise
            posts += 1
            time.sleep(_PAUSE_SECONDS)
        else:
            return Placed(wanted, str(answer["orderId"]), posts)
