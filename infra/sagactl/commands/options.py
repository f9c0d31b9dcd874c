"""Options that several commands have."""

from typing import Annotated

import typer

Port = Annotated[
    int | None,
    typer.Option("--port", min=1, max=65535, help="LocalStack's port. Default: the one in AWS_ENDPOINT_URL, or 4566."),
]
Aws = Annotated[
    bool,
    typer.Option("--aws", help="Use AWS, with your own credentials and region, instead of LocalStack."),
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON, for programs.")]
