"""`saga deploy`: the stack, built and deployed."""

from typing import Annotated

import typer

from sagactl.commands.options import Aws, Json, Port
from sagactl.stack.aws import api_url, target
from sagactl.stack.deploy import deploy as deploy_stack
from sagactl.terminal import result, step

Parameters = Annotated[
    list[str] | None,
    typer.Option(
        "--parameter",
        metavar="NAME=VALUE",
        help="A parameter of template.yaml, such as DeadlineSeconds=5. Can be repeated.",
    ),
]
Verbose = Annotated[bool, typer.Option("--verbose", help="Show what sam prints, even if it succeeds.")]


def deploy(
    parameter: Parameters = None,
    verbose: Verbose = False,
    port: Port = None,
    aws: Aws = False,
    as_json: Json = False,
) -> None:
    """Build the functions and deploy the stack, with the SAM CLI.

    It goes to LocalStack, or with --aws to AWS. The template is the same.
    """
    where = target(aws=aws, port=port)
    outputs = deploy_stack(where, _parameters(parameter or []), verbose=verbose, step=step)
    url = api_url(where, outputs)
    result({"apiUrl": url, "outputs": outputs}, f"Deployed. Orders: POST {url}/orders", as_json=as_json)


def _parameters(pairs: list[str]) -> dict[str, str]:
    parameters = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals):
            raise typer.BadParameter(f"{pair!r} is not NAME=VALUE", param_hint="--parameter")
        parameters[name] = value
    return parameters
