"""How commands talk to a person: progress and errors on stderr, results on stdout."""

import json
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import typer
from rich.console import Console, RenderableType
from rich.markup import escape
from rich.progress import track
from rich.table import Column, Table
from typer.core import TyperGroup

from sagactl.errors import SagaError

err = Console(stderr=True, highlight=False, soft_wrap=True)
# Without markup, because what it prints comes from events, which may say anything.
out = Console(highlight=False, markup=False, emoji=False, soft_wrap=True, width=None if sys.stdout.isatty() else 200)

EVENT_STYLE = {"progress": "green", "failure": "red", "compensation": "yellow"}
STATUS_STYLE = {"COMPLETED": "bold green", "FAILED": "bold red", "FAILING": "red", "PENDING": "cyan"}


class SagaGroup(TyperGroup):
    """Turns a SagaError of any command into one line and exit code 1."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except SagaError as error:
            err.print("[red]error:[/]", escape(str(error)))
            raise typer.Exit(1) from None


@contextmanager
def step(title: str) -> Iterator[None]:
    """Show what is going on, and in the end how long it took."""
    started = time.monotonic()
    with err.status(title):
        yield
    err.print(f"[green]✓[/] {title} [dim]{time.monotonic() - started:.1f} s[/]")


def progress[T](items: Iterable[T], title: str, total: int) -> Iterable[T]:
    """Show on a terminal how many of the items are done."""
    return track(items, title, total, console=err, transient=True, disable=not err.is_terminal)


def plain(text: str) -> str:
    """On one line, and nothing that a terminal obeys: what events say may be anything."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def table(*columns: str) -> Table:
    """A table whose cells are never cut, so that ids can be copied."""
    return Table(*(Column(column, no_wrap=True) for column in columns), box=None, pad_edge=False, header_style="dim")


def result(fields: Any, shown: RenderableType, *, as_json: bool) -> None:
    """Print what a command found, for a person or for a program."""
    if as_json:
        print(json.dumps(fields))
    else:
        out.print(shown)
