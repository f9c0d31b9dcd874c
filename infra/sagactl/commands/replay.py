"""`saga replay`: events from the journal, put on the bus again."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.console import RenderableType

from saga.event import Timestamp
from sagactl.commands.options import STACK_NAME, Aws, Json, Port, StackName
from sagactl.stack import ids, journal
from sagactl.stack.deployed_stack import Stack, find
from sagactl.stack.replay import Fact, Found, facts_of, facts_of_period, put
from sagactl.terminal import err, plain, plural, progress, result, table

DAYS_MAX = 366

Since = Annotated[
    str | None, typer.Option("--since", metavar="TIME", help="What was on the bus since, such as 2026-01-31T12:00:00Z.")
]
Until = Annotated[str | None, typer.Option("--until", metavar="TIME", help="And until then. Default: now.")]
Order = Annotated[
    str | None, typer.Option("--order", metavar="ORDER", help="Events about this order: its ID, or the start of it.")
]
Rate = Annotated[int, typer.Option("--rate", min=1, max=1000, help="Events a second, at most.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would be put on the bus.")]


def replay(
    since: Since = None,
    until: Until = None,
    order: Order = None,
    rate: Rate = 50,
    dry_run: DryRun = False,
    port: Port = None,
    aws: Aws = False,
    stack_name: StackName = STACK_NAME,
    as_json: Json = False,
) -> None:
    """Put events of an order, or of a period, on the bus again.

    They come from the journal, oldest first, each once and as it was first told,
    whenever their orders were opened. Where nothing was lost, this changes
    nothing but the journal. What every service refuses is left out, and named.

    On AWS the bus has an archive, too: see aws events start-replay.
    """
    if since is None and order is None:
        raise typer.BadParameter("give one of them, or both", param_hint="'--since' / '--order'")
    start = ""
    if since:
        start = _moment(since, "--since")
    end = journal.END
    if until:
        end = _moment(until, "--until")
    if start > end:
        raise typer.BadParameter("not later than --since", param_hint="'--until'")
    stack = find(use_aws=aws, port=port, stack_name=stack_name)
    with err.status("Reading the journal"):
        found = _found(stack, order, start, end)
    if not dry_run:
        facts = progress(found.facts, f"Putting {plural(len(found.facts), 'event')} on the bus", len(found.facts))
        put(stack, facts, rate)
    _report(found, dry_run=dry_run, as_json=as_json)


def _moment(text: str, option: str) -> Timestamp:
    hint = f"'{option}'"
    try:
        moment = Timestamp.parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=hint) from None
    if datetime.now(UTC) - datetime.fromisoformat(moment) > timedelta(days=DAYS_MAX):
        raise typer.BadParameter(f"more than {DAYS_MAX} days ago", param_hint=hint)
    return moment


def _found(stack: Stack, order: str | None, since: str, until: str) -> Found:
    if order is None:
        return facts_of_period(stack, since, until)
    return facts_of(stack, ids.order_id_of(stack, order), since, until)


def _report(found: Found, *, dry_run: bool, as_json: bool) -> None:
    left_out = Counter(found.left_out)
    fields = {
        "put": not dry_run,
        "facts": [fact.detail for fact in found.facts],
        "leftOut": [{"event": name, "why": why, "number": number} for (name, why), number in left_out.items()],
    }
    shown = _table(found.facts) if dry_run else f"{plural(len(found.facts), 'event')} put on the bus."
    result(fields, shown, as_json=as_json)
    for (name, why), number in left_out.items():
        err.print(f"Left out: {number:,} {plain(name)}: {plain(why)}", markup=False)


def _table(facts: Sequence[Fact]) -> RenderableType:
    if not facts:
        return "No events."
    shown = table("told UTC", "event", "order", "hops")
    for event, _ in facts:
        hops = event.metadata.hops if event.metadata else 0
        shown.add_row(event.timestamp.replace("T", " ").rstrip("Z"), event.name, str(event.order_id), str(hops))
    return shown
