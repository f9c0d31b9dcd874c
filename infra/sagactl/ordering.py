"""`saga stock`, `saga order`, `saga orders`, `saga event`: what a shop does."""

import json
from typing import Annotated, Literal

import typer

from journal.items import STATES
from saga.events import EVENTS, Refused
from sagactl import journal, shop
from sagactl.catalogue import samples
from sagactl.errors import SagaError
from sagactl.options import Aws, Json, Port
from sagactl.stack import find
from sagactl.terminal import result, step, table


def add_to(app: typer.Typer) -> None:
    """Adds this module's commands."""
    shelf = typer.Typer(no_args_is_help=True, help="See and set how many units of each product are available.")
    shelf.command("list")(stock_list)
    shelf.command("set")(stock_set)
    app.add_typer(shelf, name="stock")
    app.command()(order)
    app.command()(orders)
    app.command()(event)
    app.command()(url)


def stock_list(port: Port = None, aws: Aws = False, as_json: Json = False) -> None:
    """List the units available of every product."""
    available = shop.available(find(use_aws=aws, port=port))
    shown = table("product", "available")
    for product_id, units in available.items():
        shown.add_row(product_id, str(units))
    result(available, shown if available else "No product is kept. Next: saga stock set item-001 500", as_json=as_json)


def stock_set(
    product: Annotated[str, typer.Argument(help="For instance item-001.")],
    units: Annotated[int, typer.Argument(min=0, max=1_000_000, help="Units available from now on.")],
    port: Port = None,
    aws: Aws = False,
    as_json: Json = False,
) -> None:
    """Set the units available of a product."""
    shop.set_available(find(use_aws=aws, port=port), product, units)
    result({product: units}, f"{product}: {units} available.", as_json=as_json)


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


def event(
    name: Annotated[str, typer.Argument(metavar="NAME", help=f"One of {', '.join(EVENTS)}.")],
    order_id: Annotated[str | None, typer.Option("--order", help="Its order; a fresh one if not given.")] = None,
    bus: Annotated[str, typer.Option(help="Name of the event bus.")] = "saga",
) -> None:
    """Print an event that happens now, for: aws events put-events --entries "$(saga event OrderCreated)"."""
    if name not in EVENTS:
        raise SagaError(f"There is no event {name!r}", f"Choose one of {', '.join(EVENTS)}")
    try:
        entries = samples.fresh_entries(name, bus, order_id)
    except Refused as refused:
        raise SagaError(f"That is no event: {refused}", "Give --order the id of an order, or leave it out") from None
    print(json.dumps(entries, indent=2))


def url(port: Port = None, aws: Aws = False) -> None:
    """Print the address of the API, for: curl "$(saga url)/orders"."""
    print(find(use_aws=aws, port=port).api_url)
