"""`saga watch`: the orders live, on a web page."""

from contextlib import suppress
from typing import Annotated

import typer

from sagactl.commands.options import STACK_NAME, Aws, Port, StackName
from sagactl.page.serving import PORT, address, bound, server
from sagactl.stack.deployed_stack import find
from sagactl.terminal import err

PagePort = Annotated[int, typer.Option("--page-port", min=1, max=65535, help="The page's port on this machine.")]


def watch(page_port: PagePort = PORT, port: Port = None, aws: Aws = False, stack_name: StackName = STACK_NAME) -> None:
    """Show the orders live on a web page.

    Only this machine can open the page. It reads the stack with your own
    credentials, and passes calls of /orders on to the deployed API.
    """
    with bound(page_port) as holder:
        err.print(f"Watching at {address(page_port)}. Ctrl-C ends it.")
        with suppress(KeyboardInterrupt):
            server(lambda: find(use_aws=aws, port=port, stack_name=stack_name)).run(sockets=[holder])
