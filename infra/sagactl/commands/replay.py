"""`saga replay`: events from the journal, put on the bus again."""

from collections import Counter
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import RenderableType

from sagactl.commands.options import STACK_NAME, Aws, Json, Port, StackName, moment
from sagactl.errors import SagaError
from sagactl.stack import ids, journal
from sagactl.stack.deployed_stack import Stack, find
from sagactl.stack.replay import Fact, Found, facts_of, facts_of_period, put
from sagactl.stack.restored import Behind, behind, make_again
from sagactl.terminal import err, plain, plural, progress, result, table

Since = Annotated[
    str | None, typer.Option("--since", metavar="TIME", help="What was on the bus since, such as 2026-01-31T12:00:00Z.")
]
Until = Annotated[str | None, typer.Option("--until", metavar="TIME", help="And until then. Default: now.")]
Order = Annotated[
    str | None, typer.Option("--order", metavar="ORDER", help="Events about this order: its ID, or the start of it.")
]
Rate = Annotated[int, typer.Option("--rate", min=1, max=1000, help="Events a second, at most.")]
Restored = Annotated[
    bool, typer.Option("--restored", help="Tables were restored to an earlier moment: first make again what they lack.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would be put on the bus.")]


def replay(
    since: Since = None,
    until: Until = None,
    order: Order = None,
    rate: Rate = 50,
    restored: Restored = False,
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

    A service must know what it told before it hears the events again, or it may
    decide otherwise. If its table does not, nothing is put: see --restored.

    On AWS the bus has an archive, too: see aws events start-replay.
    """
    if since is None and order is None:
        raise typer.BadParameter("give one of them, or both", param_hint="'--since' / '--order'")
    start = moment(since, "--since") if since else ""
    end = moment(until, "--until") if until else journal.END
    if start > end:
        raise typer.BadParameter("not later than --since", param_hint="'--until'")
    stack = find(use_aws=aws, port=port, stack_name=stack_name)
    with err.status("Reading the journal"):
        found = _found(stack, order, start, end)
        lacking = behind(stack, found.facts)
    if lacking and not (restored or dry_run):
        raise _refusal(lacking)
    if not dry_run:
        _put(stack, found, lacking, rate)
    _report(found, lacking, dry_run=dry_run, as_json=as_json)


def _put(stack: Stack, found: Found, lacking: Sequence[Behind], rate: int) -> None:
    for one in progress(lacking, f"Making {plural(len(lacking), 'item')} again", len(lacking)):
        make_again(stack, one)
    facts = progress(found.facts, f"Putting {plural(len(found.facts), 'event')} on the bus", len(found.facts))
    put(stack, facts, rate)


def _refusal(lacking: Sequence[Behind]) -> SagaError:
    one = lacking[0]
    others = f", and {len(lacking) - 1:,} more" if len(lacking) > 1 else ""
    message = f"{one.service} does not know that it told {one.lacks[0]} of {one.order_id}{others}"
    remedy = "If its table was restored to an earlier moment, see docs/aws.md, stop the functions, and add --restored"
    return SagaError(message, remedy)


def _found(stack: Stack, order: str | None, since: str, until: str) -> Found:
    if order is None:
        return facts_of_period(stack, since, until)
    return facts_of(stack, ids.order_id_of(stack, order), since, until)


def _report(found: Found, lacking: Sequence[Behind], *, dry_run: bool, as_json: bool) -> None:
    left_out = Counter(found.left_out)
    fields = {
        "put": not dry_run,
        "facts": [fact.detail for fact in found.facts],
        "madeAgain": [
            {"service": one.service, "orderId": str(one.order_id), "events": list(one.lacks)} for one in lacking
        ],
        "leftOut": [{"event": name, "why": why, "number": number} for (name, why), number in left_out.items()],
    }
    shown = _table(found.facts) if dry_run else f"{plural(len(found.facts), 'event')} put on the bus."
    result(fields, shown, as_json=as_json)
    if lacking:
        done = "to be made again" if dry_run else "made again"
        err.print(f"{plural(len(lacking), 'item')} {done}.", markup=False)
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
