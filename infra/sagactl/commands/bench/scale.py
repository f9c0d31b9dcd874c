"""`saga bench scale`: what a saga costs, and how long it takes, when the tables hold more and more orders."""

from sagactl.bench.scale import SIZES, measured
from sagactl.commands.options import Json
from sagactl.terminal import progress, result, table

_COLUMNS = ("orders", "write_units", "read_units", "journal_write_units", "watchdog_pages", "list_read_units")


def scale(as_json: Json = False) -> None:
    """Measure a saga when the tables hold 100, 1,000 and 10,000 orders.

    Its cost must not grow. The other orders are copies of one that the functions
    closed, written into the tables.
    """
    rows = list(progress(measured(), "Measuring", len(SIZES)))
    shown = table("orders", "writes", "reads", "journal writes", "watchdog pages", "saga orders reads", "ms a saga")
    for column in shown.columns:
        column.justify = "right"
    for row in rows:
        shown.add_row(*(f"{row[name]:g}" for name in _COLUMNS), f"{row['saga_seconds'] * 1000:.0f}")
    result({"sizes": rows}, shown, as_json=as_json)
