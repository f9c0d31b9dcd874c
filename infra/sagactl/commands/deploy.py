"""`saga deploy`: the stack, built and deployed."""

from typing import Annotated

import typer

from sagactl.commands.options import Aws, Json, Port
from sagactl.stack.aws import api_url, target
from sagactl.stack.deployment import deploy as deploy_stack
from sagactl.terminal import result, step

Parameters = Annotated[
    list[str] | None,
    typer.Option(
        "--parameter",
        metavar="NAME=VALUE",
        help="A parameter of template.yaml, for instance DeadlineSeconds=5. Can be repeated.",
    ),
]


Verbose = Annotated[bool, typer.Option("--verbose", help="Show what sam prints, not only when it fails.")]


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
