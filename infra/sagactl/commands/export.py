"""`saga export`: closed orders, sent to an OpenTelemetry backend."""

from contextlib import suppress
from itertools import chain
from typing import Annotated

import typer

from sagactl.commands.options import STACK_NAME, Aws, Json, Port, StackName, moment
from sagactl.stack.deployed_stack import find
from sagactl.terminal import plural, result

Otlp = Annotated[
    str | None,
    typer.Option("--otlp", metavar="URL", help="Where. Default: OTEL_EXPORTER_OTLP_ENDPOINT, or port 4318 here."),
]
Since = Annotated[
    str, typer.Option("--since", metavar="TIME", help="Orders that closed since, such as 2026-01-31T12:00Z, or 2h ago.")
]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on with each order that closes, until Ctrl-C.")]


def export(
    otlp: Otlp = None,
    since: Since = "10m",
    follow: Follow = False,
    port: Port = None,
    aws: Aws = False,
    stack_name: StackName = STACK_NAME,
    as_json: Json = False,
) -> None:
    """Send closed orders to an OpenTelemetry backend, as traces.

    They are made from the journal, and their IDs follow from the orders: sent
    twice, a trace is the same. The variables OTEL_EXPORTER_OTLP_* hold, and AWS's
    own endpoint, https://xray.REGION.amazonaws.com, is asked with SigV4.
    """
    start = moment(since, "--since")
    stack = find(use_aws=aws, port=port, stack_name=stack_name)

    from sagactl.stack.export import closed_orders, follow_closed_orders  # OpenTelemetry takes long to import
    from sagactl.stack.otlp import Backend

    backend = Backend(otlp)
    found = follow_closed_orders(stack, start) if follow else iter([closed_orders(stack, start)])
    orders = 0
    sent = 0
    with suppress(KeyboardInterrupt):
        for traces in found:
            spans = list(chain.from_iterable(traces))
            backend.send(spans)
            orders += len(traces)
            sent += len(spans)
    shown = f"{plural(orders, 'order')} sent to {backend.url}, {plural(sent, 'span')}."
    result({"orders": orders, "spans": sent, "url": backend.url}, shown, as_json=as_json)
