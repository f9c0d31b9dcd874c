"""`saga bench cost`: what AWS bills for a saga, on every path."""

from rich.console import Group
from rich.table import Table

from sagactl.bench.conflicts import conflicts
from sagactl.bench.cost import PATHS, Walked, journaled_at_once, walk
from sagactl.bench.meter import PRICES, Usage, plain
from sagactl.bench.serial import running
from sagactl.commands.options import Json
from sagactl.design import template
from sagactl.terminal import err, figures, result


def cost(as_json: Json = False) -> None:
    """Count what AWS bills for a saga, on every path.

    The functions run in this process on DynamoDB Local, one delivery after
    another, so that every count is exact.
    """
    with err.status("Counting"), running() as serial:
        walked = {name: walk(serial, path, name) for name, path in PATHS.items()}
        at_once = journaled_at_once(serial)
        added_by_conflicts = conflicts(serial)
    fields = {
        "paths": {name: each.saga.fields() for name, each in walked.items()},
        "journal": walked["completed"].journal.fields(),
        "journal_at_once": at_once.fields(),
    }
    result(fields, _shown(walked, at_once, added_by_conflicts), as_json=as_json)


def _shown(walked: dict[str, Walked], at_once: Usage, added_by_conflicts: dict[str, Usage]) -> Group:
    completed = walked["completed"]
    sagas = {name.replace("_", " "): each.saga for name, each in walked.items()}
    besides = {
        "the journal, a completed saga's events one by one": completed.journal,
        "the journal, a completed saga's events in a batch": at_once,
        "a run of the watchdog": walked["expired"].watchdog,
    }
    return Group(
        _table("a saga", sagas),
        "",
        _table("not counted above", besides),
        "",
        _table("a conflict adds", added_by_conflicts),
        "",
        *_notes(completed.saga),
    )


def _table(title: str, rows: dict[str, Usage]) -> Table:
    shown = figures(
        title, "events", "invocations", "writes", "reads", "hops", "item bytes", "event bytes", "$ a million"
    )
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
    added = f"10 ms for each invocation, at {megabytes} MB, add ${compute:.2f} to a million completed sagas"
    return [
        f"List prices of {PRICES['region']} as of {PRICES['as_of']}, without the free tier.",
        "Counted: API and Lambda requests, EventBridge events, DynamoDB units, and SQS requests of the journal.",
        f"Not counted: logs, and Lambda's compute, which is billed by time: {added}.",
        "Bytes are those of the largest item and event.",
        "The watchdog runs once a minute, however many orders there are.",
    ]
