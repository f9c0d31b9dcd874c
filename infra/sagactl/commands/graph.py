"""`saga graph`: who hears and tells which event."""

from typing import Annotated, Literal

import typer
from rich.table import Table

from sagactl.design import choreography
from sagactl.design.drawing import names, svg
from sagactl.terminal import out, table

type Format = Literal["table", "svg"]


def graph(
    as_format: Annotated[Format, typer.Option("--format", help="How to print it.")] = "table",
) -> None:
    """Print who hears and tells which event, read off the reactions' signatures."""
    match as_format:
        case "table":
            out.print(as_table())
        case "svg":
            print(svg())


def as_table() -> Table:
    shown = table("service", "hears", "may tell", "reaction")
    for step in choreography.steps():
        heard = step.heard.name if step.heard else "(unasked)"
        shown.add_row(step.service, heard, ", ".join(names(step.tells)) or "-", step.name)
    return shown
