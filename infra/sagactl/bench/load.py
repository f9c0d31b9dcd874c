"""Many orders at a rate: how long they take, and whether the books balance in the end."""

import time
from collections import Counter
from functools import partial
from typing import Any

from sagactl.bench import timing
from sagactl.stack import books, shop
from sagactl.stack.aws import STACK_NAME
from sagactl.stack.deployed import Stack
from sagactl.terminal import err, progress

_IN_FLIGHT_MAX = 64


_WRITERS = ("order", "order-http", "payment", "inventory", "shipping")


def placed(stack: Stack, orders: int, rate: float | None, products: int, in_flight: int = _IN_FLIGHT_MAX) -> Any:
    """The run, how many writes came too late in it, and what does not balance after it."""
    for product in range(products):
        shop.set_available(stack, _product(product), orders)
    stocked, since_ms = books.stock(stack), int(time.time() * 1000)

    def place(number: int) -> str:
        return shop.place(stack, {"productId": _product(number % products), "quantity": 1, "amount": 1}, "api")

    shown = partial(progress, title=f"{orders} orders", total=orders)
    with timing.watching(stack.client("dynamodb"), stack.table("order")) as watcher:
        done = timing.run(place, watcher.closed, orders, min(orders, in_flight), rate, shown)
    with err.status("Reading the books"):
        return done, _conflicts(stack, since_ms), books.audit(stack, done.outcomes, stocked)


def _product(number: int) -> str:
    return f"load-{number + 1}"


def _conflicts(stack: Stack, since_ms: int) -> int:
    """Counted by the functions themselves, as a metric in their logs."""
    pages = stack.client("logs").get_paginator("filter_log_events")
    found: Counter[str] = Counter()
    for name in _WRITERS:
        for page in pages.paginate(logGroupName=f"/aws/lambda/{STACK_NAME}-{name}", startTime=since_ms):
            found[name] += sum('"Conflicts":' in event["message"] for event in page["events"])
    return found.total()
