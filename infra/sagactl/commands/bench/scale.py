"""`saga bench scale`: what a saga costs, and how long it takes, when the tables hold more and more orders."""

from typing import Annotated

import typer

from sagactl.bench.scale import measured, sizes
from sagactl.commands.options import Json
from sagactl.terminal import progress, result, table

_COLUMNS = ("orders", "write_units", "read_units", "journal_write_units", "watchdog_pages", "list_read_units")


def scale(
    most: Annotated[int, typer.Option("--most", min=100, help="As many orders as the tables get at most.")] = 10_000,
    as_json: Json = False,
) -> None:
    """Measure a saga when the tables hold more and more orders.

    There are 100 of them, then 1,000, then 10,000. The cost must not grow. The
    other orders are copies of one that the functions closed, written into the
    tables.
    """
    rows = list(progress(measured(most), "Measuring", len(sizes(most))))
    shown = table("orders", "writes", "reads", "journal writes", "watchdog pages", "saga orders reads", "ms a saga")
    for column in shown.columns:
        column.justify = "right"
    for row in rows:
        shown.add_row(*(f"{row[name]:g}" for name in _COLUMNS), f"{row['saga_seconds'] * 1000:.0f}")
    result({"sizes": rows}, shown, as_json=as_json)
