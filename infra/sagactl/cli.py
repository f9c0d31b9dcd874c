"""The `saga` command, put together from its groups of commands."""

import typer

from sagactl import demo, dlq, graph, infrastructure, ordering, replay
from sagactl.terminal import SagaGroup

app = typer.Typer(
    cls=SagaGroup,
    no_args_is_help=True,
    add_completion=False,
    help="Run the order saga on this machine or on AWS, and look at what it does.",
)
for group in (demo, infrastructure, ordering, dlq, replay, graph):
    group.add_to(app)
