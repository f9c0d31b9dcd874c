"""`saga demo`: five orders at once, one for each way a saga can go, and what became of them."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, nullcontext
from dataclasses import asdict, dataclass, field
from typing import Annotated
from urllib.parse import urlsplit

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from sagactl import aws, books, journal, localstack, shop
from sagactl.deploy import deploy
from sagactl.errors import SagaError
from sagactl.options import Json, Port
from sagactl.stack import Stack
from sagactl.terminal import out, result, step

PRODUCT, UNITS = "item-001", 500
TIMEOUT_SECONDS = 60
_LAST = {"ShipmentOK", "OrderFailed"}


@dataclass
class Story:
    """One order of the demo, and what is known of it so far."""

    title: str
    via: shop.Via
    quantity: int
    amount: float
    expected: str = "FAILED"
    order_id: str = ""
    status: str = "PENDING"
    timeline: list[journal.Told] = field(default_factory=list)

    @property
    def is_told(self) -> bool:
        """Whether the order is closed, and the journal has its last event too."""
        return self.status in shop.CLOSED and any(told.name in _LAST for told in self.timeline)


def add_to(app: typer.Typer) -> None:
    """Adds this module's command."""
    app.command()(demo)


def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave LocalStack running afterwards.")] = False,
    port: Port = None,
    as_json: Json = False,
) -> None:
    """Start, deploy, and run five orders at once, one for each way a saga can go.

    Exits with 1, and says which check failed, if an order stays open or money and stock don't balance.
    """
    with ExitStack() as at_end:
        stack = deployed(port, at_end, keep=keep)
        shop.set_available(stack, PRODUCT, UNITS)
        stocked = books.stock(stack)
        stories = five_ways()
        with ThreadPoolExecutor(len(stories)) as pool:
            list(pool.map(lambda story: place(stack, story), stories))
        follow(stack, stories, live=out.is_terminal and not as_json)
        problems = [f"{s.title}: {s.status}, not {s.expected}" for s in stories if s.status != s.expected]
        problems += books.audit(stack, [story.order_id for story in stories], stocked)
    report(stories, problems, as_json=as_json)


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
    """Each way with its cause: payment's limit is 10,000, shipping's capacity 100, and the stock UNITS."""
    return [
        Story("All goes well", "api", quantity=2, amount=1000, expected="COMPLETED"),
        Story("Payment is declined", "api", quantity=2, amount=10_001),
        Story("Out of stock", "bus", quantity=UNITS + 1, amount=1000),
        Story("Shipment is refused", "bus", quantity=101, amount=1000),
        Story("Payment and stock both fail", "bus", quantity=UNITS + 1, amount=10_001),
    ]


def place(stack: Stack, story: Story) -> None:
    wanted = {"productId": PRODUCT, "quantity": story.quantity, "amount": story.amount}
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
        (f"{story.status:9}", _STATUS_STYLE[story.status]),
        f"  {story.title}",
        (f"  by {door}, {story.order_id}", "dim"),
    )
    lines = Table.grid(padding=(0, 2))
    for told in story.timeline:
        service = Text(f"told by {told.source.removeprefix('saga.')}", "dim")
        lines.add_row(f"{told.since_first_ms:6,d} ms", Text(told.name, _event_style(told.name)), service)
    return Group(heading, Padding(lines, (0, 0, 1, 0), expand=False))


_STATUS_STYLE = {"COMPLETED": "bold green", "FAILED": "bold red", "FAILING": "red", "PENDING": "cyan"}


def _event_style(name: str) -> str:
    if name.endswith(("Created", "OK", "Reserved")):
        return "green"
    return "yellow" if name.endswith(("Cancel", "Release")) else "red"
