"""The `saga` command, put together from its groups of commands."""

import typer

from sagactl import bench, demo, dlq, graph, infrastructure, logs, ordering, replay, sam_local, trace, watching
from sagactl.terminal import SagaGroup

app = typer.Typer(
    cls=SagaGroup,
    no_args_is_help=True,
    add_completion=False,
    help="Run the order saga on this machine or on AWS, and look at what it does.",
)
for group in (demo, infrastructure, ordering, trace, logs, watching, dlq, replay, graph, sam_local, bench):
    group.add_to(app)
