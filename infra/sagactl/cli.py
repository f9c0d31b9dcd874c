"""The `saga` command, put together from its commands."""

import typer

from sagactl.commands import (
    demo,
    deploy,
    dlq,
    down,
    env,
    event,
    graph,
    load,
    logs,
    new,
    order,
    orders,
    replay,
    stock,
    trace,
    up,
    url,
    watch,
)
from sagactl.commands.bench import cold_start, cost, scale
from sagactl.terminal import SagaGroup

app = typer.Typer(
    cls=SagaGroup,
    no_args_is_help=True,
    add_completion=False,
    help="Run the order saga on this machine or on AWS, and look at what it does.",
)
app.command()(demo.demo)
app.command()(up.up)
app.command()(deploy.deploy)
app.command()(down.down)
app.add_typer(stock.app, name="stock")
app.command()(order.order)
app.command()(orders.orders)
app.command()(event.event)
app.command()(url.url)
app.command()(trace.trace)
app.command()(logs.logs)
app.command()(watch.watch)
app.command()(dlq.dlq)
app.command()(replay.replay)
app.command()(graph.graph)
app.command()(new.new)
app.command()(env.env)
bench = typer.Typer(no_args_is_help=True, help="Measure what a saga costs, and how fast it is.")
bench.command()(cost.cost)
bench.command("cold-start")(cold_start.cold_start)
bench.command()(scale.scale)
app.add_typer(bench, name="bench")
app.command()(load.load)
