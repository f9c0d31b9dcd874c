"""`saga graph`: which service hears and tells which event."""

from typing import Annotated, Literal

import typer
from rich.table import Table

from sagactl.design import choreography
from sagactl.design.drawing import names, svg
from sagactl.terminal import out, table

Format = Annotated[Literal["table", "svg"], typer.Option("--format", help="How to print it.")]


def graph(as_format: Format = "table") -> None:
    """Print which service hears and tells which event.

    This is read from the signatures of the services' reactions.
    """
    match as_format:
        case "table":
            out.print(as_table())
        case "svg":
            print(svg())


def as_table() -> Table:
    shown = table("service", "hears", "may tell", "reaction")
    for step in choreography.steps():
        heard = step.heard.name if step.heard else "-"
        shown.add_row(step.service, heard, ", ".join(names(step.tells)) or "-", step.name)
    return shown
