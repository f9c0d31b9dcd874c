"""`saga bench`: what a saga costs and how fast it is, measured."""

import typer

from sagactl.bench import cost, init, load, scale


def add_to(app: typer.Typer) -> None:
    """Adds this package's commands."""
    group = typer.Typer(no_args_is_help=True, help="Measure what a saga costs, and how fast it is.")
    for module in (cost, init, scale):
        module.add_to(group)
    app.add_typer(group, name="bench")
    load.add_to(app)
