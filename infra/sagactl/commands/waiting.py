"""Waiting for an order to close, and what to say of it then."""

from typing import Annotated, Any

import typer

from sagactl.errors import SagaError
from sagactl.stack import shop
from sagactl.stack.deployed_stack import Stack
from sagactl.terminal import step

Wait = Annotated[bool, typer.Option("--wait", help="Wait until the order is COMPLETED or FAILED.")]


def closed_order(stack: Stack, order_id: str) -> dict[str, Any]:
    """Returns the API's answer about the order once it is closed. Raises SagaError if it stays open."""
    with step("Waiting for the order to close"):
        closed = shop.wait_until_closed(stack, order_id)
    if closed is None:
        message = f"Order {order_id} is still open after {shop.WAIT_SECONDS} s"
        raise SagaError(message, f"See what it waits for: saga trace {order_id}")
    return closed


def sentence(closed: dict[str, Any]) -> str:
    """Returns such as "Order 0b7f… is FAILED: unknown product."."""
    status = f"Order {closed['orderId']} is {closed['status']}"
    if closed["reason"]:
        status += f": {closed['reason']}"
    return f"{status}."
