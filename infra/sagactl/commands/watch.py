"""`saga watch`: a page on this machine that shows the sagas as they happen."""

from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from sagactl.commands.options import Aws
from sagactl.stack.deployed import find
from sagactl.terminal import err

if TYPE_CHECKING:
    pass
from sagactl.page.serving import PORT, address, bound, server

PagePort = Annotated[int, typer.Option("--port", min=1, max=65535, help="The page's port on this machine.")]


LocalPort = Annotated[
    int | None,
    typer.Option("--localstack-port", min=1, max=65535, help="LocalStack's. Default: AWS_ENDPOINT_URL, or 4566."),
]


def watch(port: PagePort = PORT, localstack_port: LocalPort = None, aws: Aws = False) -> None:
    """Show the sagas as they happen, on a page that only this machine can open.

    It reads with your own credentials, so nothing is exposed. It passes /orders on to the deployed API.
    """
    with bound(port) as holder:
        err.print(f"Watching at {address(port)}. Ctrl-C ends it.")
        with suppress(KeyboardInterrupt):
            server(lambda: find(use_aws=aws, port=localstack_port)).run(sockets=[holder])
