"""`saga replay`: events from the journal, put on the bus again."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.console import RenderableType

from saga.event import Event, Timestamp
from saga.serialization import to_json
from sagactl.commands.options import Aws, Json, Port
from sagactl.stack import ids
from sagactl.stack.deployed_stack import Stack, find
from sagactl.stack.replay import facts_of, facts_since, put
from sagactl.terminal import err, plural, progress, result, table

DAYS_MAX = 366

Since = Annotated[
    str | None, typer.Option("--since", metavar="TIME", help="Events told since then, such as 2026-01-31T12:00:00Z.")
]
Order = Annotated[
    str | None, typer.Option("--order", metavar="ORDER", help="Events about this order: its ID, or the start of it.")
]
Rate = Annotated[int, typer.Option("--rate", min=1, max=1000, help="Events a second, at most.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would be put on the bus.")]


def replay(
    since: Since = None,
    order: Order = None,
    rate: Rate = 50,
    dry_run: DryRun = False,
    port: Port = None,
    aws: Aws = False,
    as_json: Json = False,
) -> None:
    """Put events of an order, or of a period, on the bus again.

    They come from the journal, oldest first, each once and as it was first told.
    Where nothing was lost, this changes nothing but the journal.

    On AWS the bus has an archive, too: see aws events start-replay.
    """
    if since is None and order is None:
        raise typer.BadParameter("give one of them, or both", param_hint="'--since' / '--order'")
    moment = _moment(since) if since else Timestamp()
    stack = find(use_aws=aws, port=port)
    with err.status("Reading the journal"):
        facts = _facts(stack, order, moment)
    if not dry_run:
        put(stack, progress(facts, f"Putting {plural(len(facts), 'event')} on the bus", len(facts)), rate)
    _report(facts, dry_run=dry_run, as_json=as_json)


def _moment(text: str) -> Timestamp:
    try:
        since = Timestamp.parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="'--since'") from None
    if datetime.now(UTC) - datetime.fromisoformat(since) > timedelta(days=DAYS_MAX):
        raise typer.BadParameter(f"more than {DAYS_MAX} days ago", param_hint="'--since'")
    return since


def _facts(stack: Stack, order: str | None, since: Timestamp) -> list[Event]:
    if order is None:
        return facts_since(stack, since)
    return facts_of(stack, ids.order_id_of(stack, order), since)


def _report(facts: Sequence[Event], *, dry_run: bool, as_json: bool) -> None:
    fields = {"put": not dry_run, "facts": [json.loads(to_json(fact)) for fact in facts]}
    shown = _table(facts) if dry_run else f"{plural(len(facts), 'event')} put on the bus."
    result(fields, shown, as_json=as_json)


def _table(facts: Sequence[Event]) -> RenderableType:
    if not facts:
        return "No events."
    shown = table("told UTC", "event", "order", "hops")
    for fact in facts:
        hops = fact.metadata.hops if fact.metadata else 0
        shown.add_row(fact.timestamp.replace("T", " ").rstrip("Z"), fact.name, str(fact.order_id), str(hops))
    return shown
