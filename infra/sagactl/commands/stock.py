"""`saga stock`: how many units of each product are available."""

from typing import Annotated

import typer
from rich.console import RenderableType

from sagactl.commands.options import STACK_NAME, Aws, Json, Port, StackName
from sagactl.stack import shop
from sagactl.stack.deployed_stack import find
from sagactl.terminal import result, table

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.callback()
def stock() -> None:
    """List or set how many units of each product are available."""


@app.command("list")
def stock_list(port: Port = None, aws: Aws = False, stack_name: StackName = STACK_NAME, as_json: Json = False) -> None:
    """List the available units of every product."""
    available = shop.available(find(use_aws=aws, port=port, stack_name=stack_name))
    result(available, _shown(available), as_json=as_json)


def _shown(available: dict[str, int]) -> RenderableType:
    if not available:
        return "The stock has no products. Next: saga stock set item-001 500"
    shown = table("product", "available")
    for product_id, units in available.items():
        shown.add_row(product_id, str(units))
    return shown


@app.command("set")
def stock_set(
    product: Annotated[str, typer.Argument(help="The product's ID, such as item-001.")],
    units: Annotated[int, typer.Argument(min=0, max=1_000_000, help="Units available from now on.")],
    port: Port = None,
    aws: Aws = False,
    stack_name: StackName = STACK_NAME,
    as_json: Json = False,
) -> None:
    """Set the available units of a product."""
    shop.set_available(find(use_aws=aws, port=port, stack_name=stack_name), product, units)
    result({product: units}, f"{product}: {units} available.", as_json=as_json)
