"""`saga order`: place an order."""

from typing import Annotated, Literal

import typer

from sagactl.commands.options import Aws, Json, Port
from sagactl.errors import SagaError
from sagactl.stack import shop
from sagactl.stack.deployed import find
from sagactl.terminal import result, step


def order(
    product: Annotated[str, typer.Option(help="For instance item-001; see saga stock list.")],
    quantity: Annotated[int, typer.Option(help="Units, from 1 to 10,000.")],
    amount: Annotated[float, typer.Option(help="Price of it all, with at most two decimals.")],
    via: Annotated[Literal["api", "bus"], typer.Option(help="POST /orders, or OrderCreated put on the bus.")] = "api",
    key: Annotated[str | None, typer.Option(help="Idempotency-Key: the same key places the same order.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the order is closed.")] = False,
    port: Port = None,
    aws: Aws = False,
    as_json: Json = False,
) -> None:
    """Place an order."""
    stack = find(use_aws=aws, port=port)
    wanted = {"productId": product, "quantity": quantity, "amount": amount}
    order_id = shop.place(stack, wanted, via, key)
    if not wait:
        result({"orderId": order_id}, f"Order {order_id} is placed. Next: saga orders", as_json=as_json)
        return
    with step("Waiting for the order to close"):
        closed = shop.wait_until_closed(stack, order_id)
    if closed is None:
        raise SagaError(f"Order {order_id} is still open after {shop.WAIT_SECONDS} s", "Look at it: saga orders --open")
    reason = f": {closed['reason']}" if closed["reason"] else ""
    result(closed, f"Order {order_id} is {closed['status']}{reason}.", as_json=as_json)
