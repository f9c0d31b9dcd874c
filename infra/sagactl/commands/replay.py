"""`saga replay`: facts that the journal wrote down, back on the bus."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from saga.event import Event, Timestamp
from saga.serialization import to_json
from sagactl.commands.options import Aws, Json, Port
from sagactl.stack.deployed import find
from sagactl.stack.replay import facts_of, facts_since, put
from sagactl.terminal import err, progress, result, table

DAYS_MAX = 366


def replay(
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Facts told since, for instance 2026-01-31T12:00:00Z.")
    ] = None,
    order: Annotated[str | None, typer.Option(metavar="ID", help="Facts of this order.")] = None,
    rate: Annotated[int, typer.Option(min=1, max=1000, help="Facts a second, at most.")] = 50,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be put on the bus.")] = False,
    port: Port = None,
    aws: Aws = False,
    as_json: Json = False,
) -> None:
    """Put facts from the journal back on the bus, oldest first, each once and as it was first told.

    Where nothing was lost, this changes nothing but the journal.

    On AWS the bus has an archive as well; its replay, aws events start-replay, is heard just the same.
    """
    if since is None and order is None:
        raise typer.BadParameter("give one of them, or both", param_hint="'--since' / '--order'")
    moment = _moment(since) if since else Timestamp()
    stack = find(use_aws=aws, port=port)
    with err.status("Reading the journal"):
        facts = facts_of(stack, order.lower(), moment) if order else facts_since(stack, moment)
    if not dry_run:
        put(stack, progress(facts, f"Putting {_count(facts)} on the bus", len(facts)), rate)
    _report(facts, dry_run=dry_run, as_json=as_json)


def _moment(text: str) -> Timestamp:
    try:
        since = Timestamp.parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="'--since'") from None
    if datetime.now(UTC) - datetime.fromisoformat(since) > timedelta(days=DAYS_MAX):
        raise typer.BadParameter(f"more than {DAYS_MAX} days ago", param_hint="'--since'")
    return since


def _report(facts: Sequence[Event], *, dry_run: bool, as_json: bool) -> None:
    fields = {"put": not dry_run, "facts": [json.loads(to_json(fact)) for fact in facts]}
    if not dry_run:
        result(fields, f"{_count(facts)} put on the bus.", as_json=as_json)
        return
    shown = table("told UTC", "event", "order", "hops")
    for fact in facts:
        hops = str(fact.metadata.hops) if fact.metadata else "0"
        shown.add_row(fact.timestamp.replace("T", " ").rstrip("Z"), fact.name, str(fact.order_id), hops)
    result(fields, shown if facts else "No facts.", as_json=as_json)


def _count(facts: Sequence[Event]) -> str:
    return f"{len(facts)} fact{'' if len(facts) == 1 else 's'}"
