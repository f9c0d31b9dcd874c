"""`saga stock`: how many units of each product are available."""

from typing import Annotated

import typer

from sagactl.commands.options import Aws, Json, Port
from sagactl.stack import shop
from sagactl.stack.deployed import find
from sagactl.terminal import result, table

app = typer.Typer(no_args_is_help=True, help="See and set how many units of each product are available.")


@app.command("list")
def stock_list(port: Port = None, aws: Aws = False, as_json: Json = False) -> None:
    """List the units available of every product."""
    available = shop.available(find(use_aws=aws, port=port))
    shown = table("product", "available")
    for product_id, units in available.items():
        shown.add_row(product_id, str(units))
    result(available, shown if available else "No product is kept. Next: saga stock set item-001 500", as_json=as_json)


@app.command("set")
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
