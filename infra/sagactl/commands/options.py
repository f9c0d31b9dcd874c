"""Options that several commands have."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from saga.event import Timestamp
from sagactl.stack.aws import STACK_NAME

__all__ = ["STACK_NAME", "Aws", "Json", "Port", "StackName", "moment"]

DAYS_MAX = 366  # that a moment may be ago
_AGE = re.compile(r"(\d{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
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


def moment(text: str, option: str) -> Timestamp:
    """Returns the moment that an option names: a time in ISO 8601, or how long it is ago, such as 10m, 2h or 3d.

    Raises typer.BadParameter for any other text, and for what is longer ago than DAYS_MAX.
    """
    hint = f"'{option}'"
    now = datetime.now(UTC)
    if match := _AGE.fullmatch(text):
        age = timedelta(**{_UNITS[match[2]]: int(match[1])})
    else:
        try:
            age = now - datetime.fromisoformat(Timestamp.parse(text))
        except ValueError as error:
            raise typer.BadParameter(f"{error}, or 10m, 2h, 3d", param_hint=hint) from None
    if age > timedelta(days=DAYS_MAX):
        raise typer.BadParameter(f"more than {DAYS_MAX} days ago", param_hint=hint)
    return Timestamp.of(now - age)
