"""`saga up`, `saga deploy`, `saga down`: where the stack runs."""

from typing import Annotated

import typer

from sagactl.aws import api_url, target
from sagactl.deploy import deploy as deploy_stack
from sagactl.errors import SagaError
from sagactl.local import localstack
from sagactl.options import Aws, Json, Port
from sagactl.terminal import result, step

StartedPort = Annotated[int | None, typer.Option("--port", min=1, max=65535, help="Only the LocalStack at this port.")]
AlsoAt = Annotated[
    str | None,
    typer.Option(
        "--also-at",
        metavar="ADDRESS",
        help="Listen at this IPv4 address of the machine as well as at 127.0.0.1; at Docker's, for containers.",
    ),
]
Parameters = Annotated[
    list[str] | None,
    typer.Option(
        "--parameter",
        metavar="NAME=VALUE",
        help="A parameter of template.yaml, for instance DeadlineSeconds=5. Can be repeated.",
    ),
]
Verbose = Annotated[bool, typer.Option("--verbose", help="Show what sam prints, not only when it fails.")]


def add_to(app: typer.Typer) -> None:
    app.command()(up)
    app.command()(deploy)
    app.command()(down)


def up(port: Port = None, also_at: AlsoAt = None, as_json: Json = False) -> None:
    """Start LocalStack, an AWS on this machine, in the background and without Docker.

    If a LocalStack answers at the port already, started by this command or with Docker, that one is used.
    """
    port = target(port=port).port
    instance = localstack.status(port)
    if instance and also_at and localstack.status(port, also_at) is None:
        message = f"LocalStack answers at {instance.endpoint} already, and not at {also_at}"
        raise SagaError(message, "Stop it first: saga down")
    if instance:
        sentence = f"LocalStack {instance.version} already answers at {instance.endpoint}; nothing to start."
    else:
        with step("Starting LocalStack"):
            instance = localstack.start(port, also_at)
        sentence = f"LocalStack {instance.version} is ready at {instance.endpoint}. Next: saga deploy"
    fields = {"endpoint": instance.endpoint, "version": instance.version, "pid": instance.pid}
    result(fields, sentence, as_json=as_json)


def deploy(
    port: Port = None,
    aws: Aws = False,
    parameter: Parameters = None,
    verbose: Verbose = False,
    as_json: Json = False,
) -> None:
    """Build the functions and deploy the stack, with sam build and sam deploy.

    To LocalStack on this machine, or with --aws to AWS; the template is the same.
    """
    where = target(aws=aws, port=port)
    pairs = [pair.partition("=") for pair in parameter or []]
    if malformed := [name for name, equals, _ in pairs if not (name and equals)]:
        message = f"{malformed[0]!r} is not NAME=VALUE"
        raise typer.BadParameter(message, param_hint="--parameter")
    parameters = {name: value for name, _, value in pairs}
    outputs = deploy_stack(where, parameters, verbose=verbose, step=step)
    url = api_url(where, outputs)
    result({"apiUrl": url, "outputs": outputs}, f"Deployed. Orders: POST {url}/orders", as_json=as_json)


def down(port: StartedPort = None, as_json: Json = False) -> None:
    """Stop every LocalStack that saga up started, or the one at the port, with all that it runs.

    A LocalStack started otherwise, with Docker for instance, is left alone.
    """
    candidates = [port] if port else localstack.started_ports()
    ports = [number for number in candidates if localstack.stop(number)]
    places = ", ".join(str(port) for port in ports)
    sentence = f"Stopped LocalStack at port {places}." if ports else "No LocalStack of ours was running."
    result({"stopped": ports}, sentence, as_json=as_json)
