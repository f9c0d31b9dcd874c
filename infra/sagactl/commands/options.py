"""Options that several commands have."""

import re
from typing import Annotated

import typer

from sagactl.stack.aws import STACK_NAME

__all__ = ["STACK_NAME", "Aws", "Json", "Port", "StackName"]

_VALID_STACK_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,127}")


def _stack_name(name: str) -> str:
    if not _VALID_STACK_NAME.fullmatch(name):
        raise typer.BadParameter("expected letters, digits and hyphens, a letter first")
    return name


Port = Annotated[
    int | None,
    typer.Option("--port", min=1, max=65535, help="LocalStack's port. Default: the one in AWS_ENDPOINT_URL, or 4566."),
]
Aws = Annotated[
    bool,
    typer.Option("--aws", help="Use AWS, with your own credentials and region, instead of LocalStack."),
]
StackName = Annotated[
    str,
    typer.Option("--stack-name", metavar="NAME", callback=_stack_name, help="The stack, if it is another than saga."),
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON, for programs.")]
