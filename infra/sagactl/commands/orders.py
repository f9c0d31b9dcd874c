"""`saga orders`: the newest orders."""

import time
from collections.abc import Iterable, Sequence
from contextlib import nullcontext, suppress
from typing import Annotated, Any

import typer
from rich.console import RenderableType
from rich.live import Live
from rich.text import Text

from journal.items import STATES
from sagactl.commands.options import STACK_NAME, Aws, Json, Port, StackName
from sagactl.stack import journal
from sagactl.stack.deployed_stack import Stack, find
from sagactl.stack.journal import Summary
from sagactl.terminal import STATUS_STYLE, Cropped, err, out, plain, result, screen, table

PERIOD_SECONDS = 1.0

Status = Annotated[
    list[str] | None,
    typer.Option(
        "--status",
        metavar="STATUS",
        help=f"Only orders with this status: {', '.join(STATES)}. Can be repeated.",
        autocompletion=lambda: list(STATES),
    ),
]
Open = Annotated[bool, typer.Option("--open", help="Only orders that are not yet COMPLETED or FAILED.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=journal.ORDERS_MAX, help="How many orders at most.")]
Watch = Annotated[bool, typer.Option("--watch", "-w", help="Refresh the list every second, until Ctrl-C.")]


def orders(
    status: Status = None,
    open_only: Open = False,
    limit: Limit = 20,
    watch: Watch = False,
    port: Port = None,
    aws: Aws = False,
    stack_name: StackName = STACK_NAME,
    as_json: Json = False,
) -> None:
    """List the newest orders and their status.

    The list comes from the journal, which is a moment behind the services.
    """
    if watch and as_json:
        raise typer.BadParameter("can't be combined with --json", param_hint="'--watch'")
    states = _states(status or STATES, open_only=open_only)
    stack = find(use_aws=aws, port=port, stack_name=stack_name)
    if watch:
        _watch(stack, states, limit)
    else:
        found = journal.orders(stack, states, limit=limit)
        result([_fields(order) for order in found], _shown(found), as_json=as_json)


def _states(wanted: Iterable[str], *, open_only: bool) -> set[str]:
    states = {state.upper() for state in wanted}
    unknown = states - set(STATES)
    if unknown:
        message = f"{', '.join(sorted(unknown))}: choose from {', '.join(STATES)}"
        raise typer.BadParameter(message, param_hint="'--status'")
    return states & set(journal.open_states()) if open_only else states


def _watch(stack: Stack, states: Iterable[str], limit: int) -> None:
    """Draws the list again and again on a terminal. Elsewhere it prints each that differs from the one before."""
    err.print("Ctrl-C ends it.")
    live = Live(console=screen, auto_refresh=False) if screen.is_terminal else None
    before = None
    with suppress(KeyboardInterrupt), live or nullcontext():
        while True:
            found = journal.orders(stack, states, limit=limit)
            if live:
                live.update(Cropped(_shown(found)), refresh=True)
            elif found != before:
                out.print(_shown(found))
            before = found
            time.sleep(PERIOD_SECONDS)


def _fields(order: Summary) -> dict[str, Any]:
    return {
        "orderId": order.order_id,
        "status": order.status,
        "openedAt": order.opened_at,
        "events": order.events,
    }


def _shown(found: Sequence[Summary]) -> RenderableType:
    if not found:
        return "No orders."
    listed = table("order", "status", "opened UTC", "last event", "ms")
    for order in found:
        status = Text(order.status, STATUS_STYLE.get(order.status, ""))
        opened = order.opened_at[5:16].replace("T", " ")
        listed.add_row(plain(order.order_id), status, opened, plain(order.last_event), str(order.took_ms))
    return listed
