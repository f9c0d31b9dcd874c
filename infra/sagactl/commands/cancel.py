"""`saga cancel`: cancel an order."""

from typing import Annotated

import typer

from sagactl.commands.options import STACK_NAME, Aws, Json, Port, StackName
from sagactl.commands.waiting import Wait, closed_order, sentence
from sagactl.stack import api, ids
from sagactl.stack.deployed_stack import find
from sagactl.terminal import result

Order = Annotated[str, typer.Argument(help="The order's ID, or the start of it; see saga orders.")]


def cancel(
    order: Order,
    wait: Wait = False,
    port: Port = None,
    aws: Aws = False,
    stack_name: StackName = STACK_NAME,
    as_json: Json = False,
) -> None:
    """Cancel an order, unless it has been shipped.

    Shipping decides: an order that it has not shipped yet fails, and what was
    charged and reserved is given back. Exits with 1 if the order is COMPLETED, or
    with --wait if it is in the end.
    """
    stack = find(use_aws=aws, port=port, stack_name=stack_name)
    order_id = ids.order_id_of(stack, order)
    cancelled = api.cancel_order(stack, order_id)
    if not wait:
        said = f"Order {order_id} is to be cancelled; it is {cancelled['status']} now. Next: saga trace {order_id}"
        result(cancelled, said, as_json=as_json)
        return
    closed = closed_order(stack, order_id)
    result(closed, sentence(closed), as_json=as_json)
    if closed["status"] == "COMPLETED":
        raise typer.Exit(1)
