"""How commands talk to a person: progress and errors go to stderr, results to stdout."""

import json
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment
from rich.table import Column, Table

EVENT_STYLE = {"progress": "green", "failure": "red", "compensation": "yellow"}
STATUS_STYLE = {"COMPLETED": "bold green", "FAILED": "bold red", "FAILING": "red", "PENDING": "cyan"}
_WIDEST = 1000  # columns; what is longer than the terminal is wide goes on in its next line, as it is copied

err = Console(stderr=True, highlight=False, soft_wrap=True)
# Without markup, because what it prints comes from events, which may contain anything.
out = Console(highlight=False, markup=False, emoji=False, soft_wrap=True, width=_WIDEST)
screen = Console(highlight=False, markup=False, emoji=False)
"""For what is drawn again and again in the same place, in the width that the terminal has."""


@contextmanager
def step(title: str) -> Iterator[None]:
    """Shows what is being done, and how long it took once it is done."""
    started = time.monotonic()
    with err.status(title):
        yield
    err.print(f"[green]✓[/] {title} [dim]{time.monotonic() - started:.1f} s[/]")


def progress[T](items: Iterable[T], title: str, total: int) -> Iterable[T]:
    """Shows on a terminal how many of the items are done."""
    from rich.progress import track

    return track(items, title, total, console=err, transient=True, disable=not err.is_terminal)


def plain(text: str) -> str:
    """Returns the text on one line, without anything that a terminal obeys: what events say may be anything."""
    return "".join(map(_printable, text))


def plural(number: int, thing: str) -> str:
    """Returns such as "1 order" or "2 orders"."""
    return f"1 {thing}" if number == 1 else f"{number:,} {thing}s"


def table(*columns: str) -> Table:
    """Returns a table whose cells are never cut, so that IDs can be copied."""
    return Table(*(Column(column, no_wrap=True) for column in columns), box=None, pad_edge=False, header_style="dim")


def figures(*columns: str) -> Table:
    """A table that has numbers in all columns but the first."""
    shown = table(*columns)
    for column in shown.columns[1:]:
        column.justify = "right"
    return shown


class Cropped:
    """Cuts each line of something at the terminal's edge, where a table would make all its columns narrower."""

    def __init__(self, shown: RenderableType) -> None:
        self._shown = shown

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in console.render_lines(self._shown, options.update(width=_WIDEST), pad=False):
            yield from Segment.adjust_line_length(line, options.max_width, pad=False)
            yield Segment.line()


def result(fields: Any, shown: RenderableType, *, as_json: bool) -> None:
    """Prints what a command found, for a person or for a program."""
    if as_json:
        print(json.dumps(fields))
    else:
        out.print(shown)


def _printable(letter: str) -> str:
    return letter if letter.isprintable() else " "
