"""Many orders at a given rate: how long they take, and whether money and stock balance in the end."""

import time
from functools import partial

from sagactl.bench import timing
from sagactl.design import choreography
from sagactl.stack import audit, shop
from sagactl.stack.deployed_stack import Stack
from sagactl.terminal import err, progress

_IN_FLIGHT_MAX = 64


def run_load(
    stack: Stack, orders: int, rate: float | None, products: int, in_flight: int = _IN_FLIGHT_MAX
) -> tuple[timing.Run, int, list[str]]:
    """Places orders, at most `rate` a second, and waits until each is closed.

    Returns the run, the number of writes that lost a conflict, and what does not balance.
    """
    for number in range(products):
        shop.set_available(stack, _product(number), orders)
    stocked = audit.stock(stack)
    since_ms = int(time.time() * 1000)

    def place(number: int) -> str:
        return shop.place(stack, {"productId": _product(number % products), "quantity": 1, "amount": 1}, "api")

    shown = partial(progress, title=f"{orders} orders", total=orders)
    with timing.watching(stack.client("dynamodb"), stack.table("order")) as watcher:
        done = timing.run(place, watcher.closed, orders, min(orders, in_flight), rate, shown)
    with err.status("Comparing money and stock"):
        conflicts = _conflicts(stack, since_ms)
        problems = audit.audit(stack, done.outcomes, stocked)
    return done, conflicts, problems


def _product(number: int) -> str:
    return f"load-{number + 1}"


def _conflicts(stack: Stack, since_ms: int) -> int:
    """Counts the lines of the metric Conflicts in the logs of the functions that write to a service's table."""
    pages = stack.client("logs").get_paginator("filter_log_events")
    writers = [service for service in choreography.services() if stack.has_table(service)]
    count = 0
    for name in [*writers, "order-http"]:
        for page in pages.paginate(logGroupName=f"/aws/lambda/{stack.where.stack_name}-{name}", startTime=since_ms):
            count += sum('"Conflicts":' in event["message"] for event in page["events"])
    return count
