"""`saga expire`: orders that are open for too long are asked about now."""

from typing import Annotated, Literal

import typer

from sagactl.commands.options import STACK_NAME, Aws, Json, Port, StackName
from sagactl.stack import expiry, ids
from sagactl.stack.deployed_stack import find
from sagactl.stack.expiry import Asked
from sagactl.terminal import err, plural, result

Orders = Annotated[
    list[str] | None,
    typer.Argument(metavar="[ORDER]...", help="The orders' IDs, or the start of each; see saga orders --open."),
]
All = Annotated[bool, typer.Option("--all", help="Every order that is open past its deadline.")]
Undated = Annotated[
    bool,
    typer.Option("--undated", help="First find open orders of release 1.0, which have no due time: reads the table."),
]


def expire(
    orders: Orders = None,
    every: All = False,
    undated: Undated = False,
    port: Port = None,
    aws: Aws = False,
    stack_name: StackName = STACK_NAME,
    as_json: Json = False,
) -> None:
    """Ask shipping now about orders that are open past their deadline.

    The watchdog asks by itself at 1, 2, 4, ... times the deadline. After an
    outage of shipping, this is sooner. It is always safe: shipping answers with
    what it decided, and an order that has not shipped fails.
    """
    if bool(orders) == (every or undated):
        raise typer.BadParameter("give orders, or one of the options", param_hint="'ORDER' / '--all' / '--undated'")
    stack = find(use_aws=aws, port=port, stack_name=stack_name)
    dated = expiry.date(stack) if undated else 0
    wanted: Literal["all"] | list[str] = "all"
    if orders:
        wanted = [ids.order_id_of(stack, order) for order in orders]
    with err.status("The watchdog asks"):
        asked = expiry.expire(stack, wanted)
    fields = {"told": asked.told, "left": asked.left, "dated": dated}
    result(fields, _shown(asked), as_json=as_json)


def _shown(asked: Asked) -> str:
    if asked.told + asked.left == 0:
        return "Nothing to ask: no such order is open past its deadline."
    said = f"Asked about {plural(asked.told, 'order')}."
    if asked.left:
        said += f" There was no time for {plural(asked.left, 'other')}: the next runs ask about them, one each minute."
    return said
