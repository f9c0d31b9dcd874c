"""`saga up`: LocalStack on this machine."""

from typing import Annotated

import typer

from sagactl.commands.options import Json, Port
from sagactl.errors import SagaError
from sagactl.local import localstack
from sagactl.stack.aws import target
from sagactl.terminal import result, step

AlsoAt = Annotated[
    str | None,
    typer.Option(
        "--also-at",
        metavar="ADDRESS",
        help="Listen at this IPv4 address of the machine, too, such as Docker's, so that containers can reach it.",
    ),
]


def up(also_at: AlsoAt = None, port: Port = None, as_json: Json = False) -> None:
    """Start LocalStack, an AWS on this machine, without Docker.

    It runs in the background. If a LocalStack answers at the port already, even
    one in Docker, that one is used.
    """
    port = target(port=port).port
    instance = localstack.status(port)
    if instance and also_at and localstack.status(port, also_at) is None:
        message = f"LocalStack answers at {instance.endpoint} already, and not at {also_at}"
        raise SagaError(message, "Stop it first: saga down")
    if instance:
        instance = localstack.start(port, also_at)  # the demo's LocalStack is kept from now on
        sentence = f"LocalStack {instance.version} already answers at {instance.endpoint}. Next: saga deploy"
    else:
        with step("Starting LocalStack"):
            instance = localstack.start(port, also_at)
        sentence = f"LocalStack {instance.version} is ready at {instance.endpoint}. Next: saga deploy"
    fields = {"endpoint": instance.endpoint, "version": instance.version, "pid": instance.pid}
    result(fields, sentence, as_json=as_json)
