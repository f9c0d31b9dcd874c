"""`saga bench cost`: what AWS bills for a saga on every path, counted."""

from typing import Any

from rich.console import Group

from sagactl.bench.conflicts import conflicts
from sagactl.bench.meter import PRICES, Usage, plain
from sagactl.bench.paths import PATHS, Walked, walk
from sagactl.bench.serial import running
from sagactl.commands.options import Json
from sagactl.design import template
from sagactl.terminal import err, result, table


def cost(as_json: Json = False) -> None:
    """Count what AWS bills for a saga, on every path.

    The functions run in this process on DynamoDB Local, one delivery after
    another, so that every count is exact.
    """
    with err.status("Counting"), running() as serial:
        walked = {name: walk(serial, path, name) for name, path in PATHS.items()}
        met = conflicts(serial)
    fields = {
        "paths": {name: each.saga.fields() for name, each in walked.items()},
        "journal": walked["completed"].journal.fields(),
    }
    result(fields, _shown(walked, met), as_json=as_json)


def _shown(walked: dict[str, Walked], met: dict[str, Usage]) -> Group:
    completed = walked["completed"]
    observers = {
        "the journal, of a completed one": completed.journal,
        "the watchdog, a run": walked["expired"].watchdog,
    }
    sagas = _table("a saga", {name.replace("_", " "): each.saga for name, each in walked.items()})
    apart = _table("apart from it", observers)
    return Group(sagas, "", apart, "", _table("a conflict adds", met), "", *_notes(completed.saga))


def _table(title: str, rows: dict[str, Usage]) -> Any:
    shown = table(title, "events", "invocations", "writes", "reads", "hops", "item bytes", "event bytes", "$ a million")
    for column in shown.columns[1:]:
        column.justify = "right"
    shown.columns[0].min_width = 45
    for name, usage in rows.items():
        counts = [usage.counts[each] for each in ("events", "invocations", "write_units", "read_units")]
        numbers = [*map(plain, counts), usage.hops, usage.item_bytes, usage.event_bytes]
        shown.add_row(name, *(f"{number or '-'}" for number in numbers), usage.dollars)
    return shown


def _notes(completed: Usage) -> list[str]:
    megabytes = template.TEMPLATE["Globals"]["Function"]["MemorySize"]
    seconds = completed.counts["invocations"] * 0.01
    compute = seconds * megabytes / 1024 * PRICES["compute"]["gb_second"] * 1_000_000
    return [
        f"List prices of {PRICES['region']} as of {PRICES['as_of']}, without the free tier: API and Lambda requests,",
        "EventBridge events, DynamoDB units, and SQS requests of the journal, an event a batch. Logs and compute are",
        f"apart: 10 ms billed for each invocation, at {megabytes} MB, add ${compute:.2f} to a million completed sagas.",
        "Bytes are of the largest item and event. The watchdog runs once a minute, whatever the number of orders.",
    ]
