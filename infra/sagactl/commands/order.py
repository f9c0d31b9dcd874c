"""`saga order`: place an order."""

import re
from typing import Annotated

import typer

from contracts.values import IDEMPOTENCY_KEY
from sagactl.commands.options import STACK_NAME, Aws, Json, Port, StackName
from sagactl.commands.waiting import Wait, closed_order, sentence
from sagactl.stack import shop
from sagactl.stack.deployed_stack import find
from sagactl.terminal import result

Product = Annotated[str, typer.Option(help="The product's ID, such as item-001; see saga stock list.")]
Quantity = Annotated[int, typer.Option(help="Units, from 1 to 10,000.")]
Amount = Annotated[float, typer.Option(help="Price of all units together, with at most two decimals.")]
Via = Annotated[shop.Via, typer.Option(help="Call POST /orders, or put OrderCreated on the bus.")]
Key = Annotated[str | None, typer.Option(help="Idempotency-Key, for the API: the same key places the same order.")]


def order(
    product: Product,
    quantity: Quantity,
    amount: Amount,
    via: Via = "api",
    key: Key = None,
    wait: Wait = False,
    port: Port = None,
    aws: Aws = False,
    stack_name: StackName = STACK_NAME,
    as_json: Json = False,
) -> None:
    """Place an order."""
    if key is not None and not re.fullmatch(IDEMPOTENCY_KEY, key):
        raise typer.BadParameter("an Idempotency-Key has 1 to 255 printable ASCII characters", param_hint="'--key'")
    if key is not None and via == "bus":
        raise typer.BadParameter("only the API knows a key; leave out --via bus", param_hint="'--key'")
    stack = find(use_aws=aws, port=port, stack_name=stack_name)
    wanted = {"productId": product, "quantity": quantity, "amount": amount}
    order_id = shop.place(stack, wanted, via, key)
    if not wait:
        result({"orderId": order_id}, f"Order {order_id} is placed. Next: saga trace {order_id}", as_json=as_json)
        return
    closed = closed_order(stack, order_id)
    result(closed, sentence(closed), as_json=as_json)
