"""Where the time of an order goes on LocalStack: each step between placing it and its being closed.

Every service logs when it is done with an event, and how old its entry was when it began; the entry says when it was
opened. So nothing has to be measured in the functions.
"""

import itertools
import statistics
import time
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from saga.event import Timestamp
from sagactl.bench.timing import OrderWaiter
from sagactl.design.ways import PRODUCT
from sagactl.stack import entries, logs, shop
from sagactl.stack.deployed_stack import Stack

WANTED: dict[str, Any] = {"productId": PRODUCT, "quantity": 1, "amount": 1}
_LOGGED_WITHIN_SECONDS = 10


class Handling(NamedTuple):
    """When a function began to handle an event, and when it had told what follows."""

    begun: Timestamp
    done: Timestamp


class Split(NamedTuple):
    """Milliseconds of one order, along the path that it waited for."""

    api: int
    post: int
    to_step: int
    step: int
    to_shipping: int
    shipping: int
    to_order: int
    order: int


STEPS = {
    # field         what it is                                                    SDK calls of ours in it
    "api":         ("API Gateway, until the function begins",                     0),
    "post":        ("order-http records and tells OrderCreated",                  2),
    "to_step":     ("bus, rule, queue and process, to payment or inventory",      0),
    "step":        ("payment or inventory, whichever is later",                   3),
    "to_shipping": ("bus, rule, queue and process, to shipping",                  0),
    "shipping":    ("shipping decides and tells ShipmentOK",                      3),
    "to_order":    ("bus, rule, queue and process, to order",                     0),
    "order":       ("order records COMPLETED",                                    2),
}  # fmt: skip


def split(stack: Stack, closed: OrderWaiter, orders: int) -> dict[str, float]:
    """Places orders one after the other. Returns the median milliseconds of each step, and of all together."""
    since = datetime.now(UTC) - timedelta(seconds=1)
    placed: dict[str, Timestamp] = {}
    for _ in range(orders):
        at = Timestamp.now()
        order_id = shop.place(stack, WANTED, "api")
        placed[order_id] = at
        closed(order_id)
    lines = _lines(stack, since, placed)
    splits = [_split(stack, order_id, at, lines) for order_id, at in placed.items()]
    medians = {name: statistics.median(getattr(each, name) for each in splits) for name in STEPS}
    return medians | {"all": statistics.median(sum(each) for each in splits)}


def _lines(stack: Stack, since: datetime, placed: dict[str, Timestamp]) -> dict[tuple[str, str, str], logs.Line]:
    """Returns what was logged, by order, function and event, once the last line of each order is there."""
    wanted = {(order_id, "order", "ShipmentOK") for order_id in placed}
    until = time.monotonic() + _LOGGED_WITHIN_SECONDS
    while True:
        found = {
            (line.content["orderId"], line.service, line.content["detailType"]): line
            for line in next(logs.look_again(stack, logs.groups_of(stack, []), since, None))
            if {"orderId", "detailType", "decided"} <= line.content.keys()
        }
        if wanted <= found.keys():
            return found
        assert time.monotonic() < until, wanted - found.keys()
        time.sleep(logs.PERIOD_SECONDS)


def _split(stack: Stack, order_id: str, at: Timestamp, lines: dict[tuple[str, str, str], logs.Line]) -> Split:
    opened = {service: entry.opened_at for service, entry in entries.entries(stack, order_id).items() if entry}

    def handling(service: str, event: str) -> Handling:
        line = lines[order_id, service, event]
        age = timedelta(milliseconds=line.content["ageMs"])
        return Handling(Timestamp.of(datetime.fromisoformat(opened[service]) + age), Timestamp(line.at))

    told_at = Timestamp(lines[order_id, "order-http", "OrderCreated"].at)
    steps = {"PaymentOK": handling("payment", "OrderCreated"), "StockReserved": handling("inventory", "OrderCreated")}
    last = max(("PaymentOK", "StockReserved"), key=lambda event: handling("shipping", event).begun)
    step = steps[last]
    shipping = handling("shipping", last)
    order = handling("order", "ShipmentOK")
    moments = [at, opened["order"], told_at, *step, *shipping, *order]
    return Split(*(later.milliseconds_since(earlier) for earlier, later in itertools.pairwise(moments)))
