"""`saga demo`: an order for each way that a saga can go."""

import threading
import webbrowser
from collections.abc import Sequence
from contextlib import ExitStack, nullcontext, suppress
from functools import partial
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from sagactl.commands.options import Json, Port
from sagactl.design import choreography
from sagactl.design.ways import PRODUCT, UNITS
from sagactl.errors import SagaError
from sagactl.local import localstack, locks
from sagactl.page import serving
from sagactl.stack import audit, aws, demo_orders, shop
from sagactl.stack.demo_orders import Trial
from sagactl.stack.deploy import deploy
from sagactl.stack.deployed_stack import Stack
from sagactl.terminal import EVENT_STYLE, STATUS_STYLE, Cropped, err, plain, result, screen, step

PAUSE_SECONDS = 4.0  # with the page: a pace that an eye can follow

Keep = Annotated[bool, typer.Option("--keep", help="Leave LocalStack running afterwards.")]
Watch = Annotated[bool, typer.Option("--watch", help="Open the page of saga watch, and pause before each order.")]


def demo(keep: Keep = False, watch: Watch = False, port: Port = None, as_json: Json = False) -> None:
    """Start, deploy, and run an order for each way a saga can go.

    Exits with 1, and names the failed check, if an order stays open or if money
    and stock don't balance.
    """
    with ExitStack() as at_end:
        stack = deployed(port, at_end, keep=keep)
        shop.set_available(stack, PRODUCT, UNITS)
        stocked = audit.stock(stack)
        trials = demo_orders.all_trials()
        page = None
        pause_seconds = 0.0
        if watch:
            page = at_end.enter_context(serving.served(lambda: stack))
            webbrowser.open(page)
            pause_seconds = PAUSE_SECONDS
        run(stack, trials, live=screen.is_terminal and not as_json, pause_seconds=pause_seconds)
        report(trials, demo_orders.problems(stack, trials, stocked), as_json=as_json)
        if page:
            wait_for_interrupt(page)


def deployed(port: int | None, at_end: ExitStack, *, keep: bool) -> Stack:
    """Deploys to the LocalStack that answers, or else to one that is started now and stopped at the end."""
    where = aws.target(port=port)
    # Two at once would count each other's stock, and the first to end would stop the other's LocalStack.
    lock = locks.held(f"demo-{where.port}", lambda: err.print("Waits until another saga demo has ended."))
    at_end.enter_context(lock)
    start = None
    if where.is_here and not localstack.status(where.port):
        if not keep:
            at_end.callback(localstack.stop_unless_kept, where.port)
        start = partial(localstack.start, where.port, keep=keep)
    return Stack(where, deploy(where, {}, reset=True, step=step, start=start))


def wait_for_interrupt(page: str) -> None:
    err.print(f"The page stays at {page}. Ctrl-C ends it.")
    with suppress(KeyboardInterrupt):
        threading.Event().wait()


def run(stack: Stack, trials: Sequence[Trial], *, live: bool, pause_seconds: float) -> None:
    """Runs the orders, and shows them meanwhile if `live`."""
    drawn = Live(console=screen, auto_refresh=False, transient=True) if live else None
    with drawn or nullcontext():
        for placed in demo_orders.run(stack, trials, pause_seconds):
            if drawn:
                drawn.update(Cropped(pictures(placed)), refresh=True)


def report(trials: Sequence[Trial], problems: list[str], *, as_json: bool) -> None:
    """Prints the outcome. Raises SagaError if anything is wrong."""
    shown = Group(pictures(trials), summary(trials, problems))
    result({"orders": [one.fields() for one in trials], "problems": problems}, shown, as_json=as_json)
    if problems:
        raise SagaError("; ".join(problems), "Look at what happened: saga orders")


def summary(trials: Sequence[Trial], problems: list[str]) -> str:
    """The last line of the demo."""
    statuses = [one.status for one in trials]
    counts = [f"{statuses.count(status)} {status}" for status in choreography.closed()]
    closed = sum(status in choreography.closed() for status in statuses)
    sentence = f"{closed} sagas closed: {', '.join(counts)}, {len(trials) - closed} open."
    return sentence if problems else f"{sentence} Money and stock balance."


def pictures(trials: Sequence[Trial]) -> RenderableType:
    return Group(*map(picture, trials))


def picture(one: Trial) -> RenderableType:
    door = {"api": "POST /orders", "bus": "aws events put-events"}[one.via]
    because = f": {plain(one.reason)}" if one.reason else ""
    heading = Text.assemble(
        (f"{one.status:9}", STATUS_STYLE[one.status]),
        f"  {one.way.title}{because}",
        (f"  by {door}, {one.order_id}", "dim"),
    )
    lines = Table.grid(padding=(0, 2))
    for told in one.timeline:
        event = Text(plain(told.name), EVENT_STYLE[choreography.kind_of(told.name)])
        lines.add_row(f"{told.since_first_ms:6,d} ms", event, Text(f"told by {plain(told.teller)}", "dim"))
    return Group(heading, Padding(lines, (0, 0, 1, 0), expand=False))
