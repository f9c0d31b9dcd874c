"""`saga orders`: which orders are listed, and how."""

import io
import time
from collections.abc import Iterable
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from sagactl.cli import app
from sagactl.commands import orders
from sagactl.stack import journal

AT = "2026-01-31T12:00:00.000Z"
EVENTS = {"OrderCreated": "2026-01-31T12:00:00.005Z"}
ERASED = "\x1b[2K"  # what a terminal takes as: erase this line
ORDERS = [
    journal.Summary(f"order-{status.lower()}", status, AT, EVENTS)
    for status in ("PENDING", "FAILING", "COMPLETED", "FAILED")
]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["orders", *arguments])


def listed(result: Result) -> list[str]:
    """The statuses in the list."""
    assert result.exit_code == 0, result.output
    return [line.split()[1] for line in result.stdout.splitlines()[1:]]


@pytest.fixture(autouse=True)
def written(monkeypatch: pytest.MonkeyPatch) -> list[journal.Summary]:
    """What the journal has: an order of every status, unless a test changes that."""
    written = list(ORDERS)

    def orders_in(_: Any, states: Iterable[str], *, limit: int) -> list[journal.Summary]:
        return [order for order in written if order.status in states][:limit]

    monkeypatch.setattr(orders, "find", lambda **_: None)
    monkeypatch.setattr(journal, "orders", orders_in)
    return written


@pytest.mark.parametrize(
    ("options", "statuses"),
    [
        ([], ["PENDING", "FAILING", "COMPLETED", "FAILED"]),
        (["--open"], ["PENDING", "FAILING"]),
        (["--status", "FAILED"], ["FAILED"]),
        (["--status", "failed"], ["FAILED"]),
        (["--status", "PENDING", "--status", "COMPLETED"], ["PENDING", "COMPLETED"]),
        (["--open", "--status", "FAILING", "--status", "FAILED"], ["FAILING"]),
        (["--limit", "1"], ["PENDING"]),
    ],
    ids=" ".join,
)
def test_orders_are_listed_by_status(options: list[str], statuses: list[str]) -> None:
    assert listed(run(*options)) == statuses


def test_a_status_that_does_not_exist_is_refused() -> None:
    refused = run("--status", "SHIPPED")
    assert (refused.exit_code, refused.stdout) == (2, "")
    said = " ".join(refused.stderr.replace("│", " ").split())
    assert "SHIPPED: choose from PENDING, FAILING, COMPLETED, FAILED" in said


@pytest.mark.parametrize(("options", "printed"), [((), "No orders.\n"), (("--json",), "[]\n")])
def test_no_order_is_no_failure(written: list[journal.Summary], options: tuple[str, ...], printed: str) -> None:
    written.clear()
    assert run(*options).stdout == printed


def test_what_any_event_says_is_shown_as_it_is(written: list[journal.Summary]) -> None:
    written[:] = [journal.Summary("[/red] :cat:", "PENDING", AT, EVENTS)]
    [_, line] = run().stdout.splitlines()
    assert line.split() == ["[/red]", ":cat:", "PENDING", "01-31", "12:00", "OrderCreated", "5"]


def test_nothing_that_an_event_says_is_obeyed_by_a_terminal(written: list[journal.Summary]) -> None:
    written[:] = [journal.Summary("x\n\x1b[31mred", "PENDING", AT, {"Odd\nName\x9b2J": AT})]
    [_, line] = run().stdout.splitlines()
    assert line.split() == ["x", "[31mred", "PENDING", "01-31", "12:00", "Odd", "Name", "2J", "0"]


@pytest.fixture
def changes(written: list[journal.Summary], monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no order, then one, again that one, then two; then comes Ctrl-C."""
    left = iter([ORDERS[:1], ORDERS[:1], ORDERS[:2]])
    written.clear()

    def sleep(seconds: float) -> None:
        assert seconds == orders.PERIOD_SECONDS
        try:
            written[:] = next(left)
        except StopIteration:
            raise KeyboardInterrupt from None

    monkeypatch.setattr(time, "sleep", sleep)


@pytest.mark.usefixtures("changes")
def test_watching_refreshes_the_list_until_it_is_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = io.StringIO()
    monkeypatch.setattr(orders, "screen", Console(file=drawn, force_terminal=True, width=100))
    watched = run("--watch")
    assert (watched.exit_code, watched.stdout) == (0, "")
    *_, last = drawn.getvalue().split(ERASED)
    assert [line.split()[0] for line in last.splitlines() if line.startswith("order-")] == [
        "order-pending",
        "order-failing",
    ]


@pytest.mark.usefixtures("changes")
def test_watching_prints_for_a_program_each_list_that_is_new() -> None:
    watched = run("--watch")
    assert watched.exit_code == 0
    first = [line.split()[0] for line in watched.stdout.splitlines()]
    assert first == ["No", "order", "order-pending", "order", "order-pending", "order-failing"]


def test_a_program_can_not_watch() -> None:
    refused = run("--watch", "--json")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "can't be combined with --json" in refused.stderr
