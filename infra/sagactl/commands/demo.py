"""`saga demo`: five orders at once, one for each way a saga can go, and what became of them."""

import threading
import time
import webbrowser
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, nullcontext, suppress
from dataclasses import asdict, dataclass, field
from typing import Annotated
from urllib.parse import urlsplit

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from sagactl.commands.options import Json, Port
from sagactl.design.choreography import kind_of
from sagactl.errors import SagaError
from sagactl.local import localstack
from sagactl.page import serving
from sagactl.stack import aws, books, journal, shop
from sagactl.stack.deployed import Stack
from sagactl.stack.deployment import deploy
from sagactl.terminal import EVENT_STYLE, STATUS_STYLE, err, out, plain, result, step

UNITS = 500
TIMEOUT_SECONDS = 60
PACE_SECONDS = 2.0
_LAST = {"ShipmentOK", "OrderFailed"}


@dataclass
class Story(shop.Way):
    """One order of the demo, and what is known of it so far."""

    order_id: str = ""
    status: str = "PENDING"
    timeline: list[journal.Told] = field(default_factory=list)

    @property
    def is_told(self) -> bool:
        """Whether the order is closed, and the journal has its last event too."""
        return self.status in shop.CLOSED and any(told.name in _LAST for told in self.timeline)


def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave LocalStack running afterwards.")] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Open the page of saga watch, and take one order at a time.")
    ] = False,
    port: Port = None,
    as_json: Json = False,
) -> None:
    """Start, deploy, and run five orders at once, one for each way a saga can go.

    Exits with 1, and says which check failed, if an order stays open or money and stock don't balance.
    """
    with ExitStack() as at_end:
        stack = deployed(port, at_end, keep=keep)
        shop.set_available(stack, shop.PRODUCT, UNITS)
        stocked = books.stock(stack)
        stories = five_ways()
        if watch:
            page = at_end.enter_context(serving.served(lambda: stack))
            one_by_one(stack, stories, page)
        else:
            all_at_once(stack, stories)
        follow(stack, stories, live=out.is_terminal and not as_json)
        problems = [f"{s.title}: {s.status}, not {s.expected}" for s in stories if s.status != s.expected]
        problems += books.audit(stack, [story.order_id for story in stories], stocked)
        report(stories, problems, as_json=as_json)
        if watch:
            wait_for_interrupt(page)


def deployed(port: int | None, at_end: ExitStack, *, keep: bool) -> Stack:
    """The stack on the LocalStack that answers, or else on one started for this and stopped at the end."""
    where = aws.target(port=port)
    address = urlsplit(str(where.endpoint_url))
    if address.hostname in ("localhost", localstack.HOST) and not localstack.status(address.port or 80):
        with step("Starting LocalStack"):
            localstack.start(address.port or 80)
        if not keep:
            at_end.callback(localstack.stop, address.port or 80)
    return Stack(where, deploy(where, {}, step=step))


def five_ways() -> list[Story]:
    return [Story(**vars(way)) for way in shop.five_ways(UNITS)]


def all_at_once(stack: Stack, stories: Sequence[Story]) -> None:
    with ThreadPoolExecutor(len(stories)) as pool:
        list(pool.map(lambda story: place(stack, story), stories))


def one_by_one(stack: Stack, stories: Sequence[Story], page: str) -> None:
    """At a pace that an eye can follow, once the page is open."""
    webbrowser.open(page)
    for story in stories:
        with step(f"{story.title}, at {page}"):
            time.sleep(PACE_SECONDS)
            place(stack, story)
            shop.wait_until_closed(stack, story.order_id)
            time.sleep(PACE_SECONDS)


def wait_for_interrupt(page: str) -> None:
    err.print(f"The page stays at {page}. Ctrl-C ends it.")
    with suppress(KeyboardInterrupt):
        threading.Event().wait()


def place(stack: Stack, story: Story) -> None:
    wanted = {"productId": shop.PRODUCT, "quantity": story.quantity, "amount": story.amount}
    story.order_id = shop.place(stack, wanted, story.via)


def follow(stack: Stack, stories: Sequence[Story], *, live: bool) -> None:
    """Watches the stories unfold, until all are told or the time is up; shows them meanwhile if `live`."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    with Live(console=out, auto_refresh=False, transient=True) if live else nullcontext() as screen:
        while not all(story.is_told for story in stories) and time.monotonic() < deadline:
            for story in stories:
                story.timeline = journal.timeline(stack, story.order_id)
                order = books.state_of(stack, "order", story.order_id)
                story.status = order.status if order else "PENDING"
            if screen:
                screen.update(pictures(stories), refresh=True)
            time.sleep(0.2)


def report(stories: Sequence[Story], problems: list[str], *, as_json: bool) -> None:
    """The last line, and exit status 1 if anything is wrong."""
    statuses = [story.status for story in stories]
    completed, failed = (statuses.count(status) for status in shop.CLOSED)
    closed = f"{completed} COMPLETED, {failed} FAILED, {len(stories) - completed - failed} open"
    balance = "" if problems else " Money and stock balance."
    sentence = f"{completed + failed} sagas closed: {closed}.{balance}"
    shown = Group(pictures(stories), sentence)
    result({"orders": [asdict(story) for story in stories], "problems": problems}, shown, as_json=as_json)
    if problems:
        raise SagaError("; ".join(problems), "Look at what happened: saga orders")


def pictures(stories: Sequence[Story]) -> RenderableType:
    return Group(*(picture(story) for story in stories))


def picture(story: Story) -> RenderableType:
    door = {"api": "POST /orders", "bus": "aws events put-events"}[story.via]
    heading = Text.assemble(
        (f"{story.status:9}", STATUS_STYLE[story.status]),
        f"  {story.title}",
        (f"  by {door}, {story.order_id}", "dim"),
    )
    lines = Table.grid(padding=(0, 2))
    for told in story.timeline:
        event = Text(plain(told.name), EVENT_STYLE[kind_of(told.name)])
        lines.add_row(f"{told.since_first_ms:6,d} ms", event, Text(f"told by {plain(told.teller)}", "dim"))
    return Group(heading, Padding(lines, (0, 0, 1, 0), expand=False))
