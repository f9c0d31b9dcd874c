"""`saga orders`: the newest orders."""

from typing import Annotated

import typer

from journal.items import STATES
from sagactl.commands.options import Aws, Json, Port
from sagactl.stack import journal
from sagactl.stack.deployed import find
from sagactl.terminal import result, table


def orders(
    open_only: Annotated[bool, typer.Option("--open", help="Only those not yet COMPLETED or FAILED.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many at most.")] = 20,
    port: Port = None,
    aws: Aws = False,
    as_json: Json = False,
) -> None:
    """List the newest orders and how they fare, as the journal knows them."""
    states = journal.OPEN if open_only else STATES
    found = journal.orders(find(use_aws=aws, port=port), states, limit=limit)
    fields = [{"orderId": o.order_id, "status": o.status, "openedAt": o.opened_at, "events": o.events} for o in found]
    shown = table("order", "status", "opened UTC", "last event", "ms")
    for summary in found:
        opened = summary.opened_at[5:16].replace("T", " ")
        shown.add_row(summary.order_id, summary.status, opened, summary.last_event, str(summary.took_ms))
    result(fields, shown if found else f"No {'open ' if open_only else ''}order.", as_json=as_json)
