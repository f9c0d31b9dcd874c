"""`saga load`: many orders at a rate, how long they take, and whether the books balance in the end."""

import time
from collections import Counter
from functools import partial
from typing import Annotated, Any

import typer

from sagactl import books, shop
from sagactl.aws import STACK_NAME
from sagactl.bench import timing
from sagactl.errors import SagaError
from sagactl.options import Aws, Json, Port
from sagactl.stack import Stack, find
from sagactl.terminal import err, progress, result

_IN_FLIGHT_MAX = 64
_WRITERS = ("order", "order-http", "payment", "inventory", "shipping")


def add_to(app: typer.Typer) -> None:
    """Adds this module's command."""
    app.command()(load)


def load(
    orders: Annotated[int, typer.Option(min=1, max=100_000, help="How many.")] = 100,
    rate: Annotated[float, typer.Option(min=0.1, max=1000, help="Orders a second, at most.")] = 5,
    products: Annotated[int, typer.Option(min=1, max=1000, help="Over how many products; 1 makes it hot.")] = 10,
    port: Port = None,
    aws: Aws = False,
    as_json: Json = False,
) -> None:
    """Place orders at a rate through the API, one unit each, and wait until all are closed.

    Exits with 1 if an order stays open or money and stock don't balance. It stocks products load-1, load-2, ...
    """
    stack = find(use_aws=aws, port=port)
    done, conflicts, problems = placed(stack, orders, rate, products)
    p50, p99 = done.percentile(50), done.percentile(99)
    outcomes = ", ".join(f"{count} {status}" for status, count in sorted(done.statuses.items()))
    balance = "Money and stock do not balance." if problems else "Money and stock balance."
    said = (
        f"{outcomes} in {done.seconds:.1f} s, {done.per_second:.1f} a second. Closed within {p50 * 1000:.0f} ms (p50), "
        f"{p99 * 1000:.0f} ms (p99). {conflicts} conflicts, each decided again. {balance}"
    )
    fields = {
        "outcomes": done.statuses,
        "seconds": done.seconds,
        "p50_seconds": p50,
        "p99_seconds": p99,
        "conflicts": conflicts,
        "problems": problems,
    }
    result(fields, said, as_json=as_json)
    if problems:
        raise SagaError("; ".join(problems[:5]), "Look at what happened: saga orders")


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
