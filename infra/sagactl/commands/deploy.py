"""`saga deploy`: the stack, built and deployed."""

from typing import Annotated

import typer
from rich.markup import escape

from sagactl.commands.options import STACK_NAME, Aws, Json, Port, StackName
from sagactl.stack.aws import api_url, target
from sagactl.stack.deploy import deploy as deploy_stack
from sagactl.stack.deploy import kept as kept_parameters
from sagactl.terminal import err, result, step

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
    stack_name: StackName = STACK_NAME,
    as_json: Json = False,
) -> None:
    """Build the functions and deploy the stack, with the SAM CLI.

    It goes to LocalStack, or with --aws to AWS. The template is the same.
    """
    where = target(aws=aws, port=port, stack_name=stack_name)
    given = _parameters(parameter or [])
    outputs = deploy_stack(where, given, verbose=verbose, step=step)
    kept = kept_parameters(where, given)
    if kept:
        values = ", ".join(f"{name}={value}" for name, value in kept.items())
        err.print("Kept from an earlier deployment:", escape(f"{values}. To change one: --parameter NAME=VALUE"))
    url = api_url(where, outputs)
    fields = {"apiUrl": url, "outputs": outputs, "kept": kept}
    result(fields, f"Deployed. Orders: POST {url}/orders", as_json=as_json)


def _parameters(pairs: list[str]) -> dict[str, str]:
    parameters: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals):
            raise typer.BadParameter(f"{pair!r} is not NAME=VALUE", param_hint="--parameter")
        if name in parameters:
            raise typer.BadParameter(f"{name} is given twice", param_hint="--parameter")
        parameters[name] = value
    return parameters
