"""`saga bench`: what a saga costs and how fast it is, measured."""

from typing import ClassVar

import typer

from sagactl.commands.group import LazyGroup, Listed


class Measurements(LazyGroup):
    package = __name__
    listed: ClassVar = {
        "cost": Listed("Count what AWS bills for a saga, on every path."),
        "cold-start": Listed("Measure cold starts and invocations beside the bare SDK."),
        "scale": Listed("Measure a saga when the tables hold more and more orders."),
    }


app = typer.Typer(cls=Measurements, no_args_is_help=True, add_completion=False)


@app.callback()
def bench() -> None:
    """Measure what a saga costs and how fast it is."""
