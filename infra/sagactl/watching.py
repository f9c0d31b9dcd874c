"""`saga watch`: a page on this machine that shows the sagas as they happen."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Thread
from typing import TYPE_CHECKING, Annotated

import typer

from sagactl.errors import SagaError
from sagactl.options import Aws
from sagactl.stack import Stack, find
from sagactl.terminal import err

if TYPE_CHECKING:
    import uvicorn

HOST, PORT = "127.0.0.1", 3001

PagePort = Annotated[int, typer.Option("--port", min=1, max=65535, help="The page's port on this machine.")]
LocalPort = Annotated[
    int | None,
    typer.Option("--localstack-port", min=1, max=65535, help="LocalStack's. Default: AWS_ENDPOINT_URL, or 4566."),
]


def add_to(app: typer.Typer) -> None:
    """Adds this module's command."""
    app.command()(watch)


def watch(port: PagePort = PORT, localstack_port: LocalPort = None, aws: Aws = False) -> None:
    """Show the sagas as they happen, on a page that only this machine can open.

    It reads with your own credentials, so nothing is exposed. It passes /orders on to the deployed API.
    """
    with bound(port) as holder:
        err.print(f"Watching at {address(port)}. Ctrl-C ends it.")
        with suppress(KeyboardInterrupt):
            server(lambda: find(use_aws=aws, port=localstack_port)).run(sockets=[holder])


@contextmanager
def served(find: Callable[[], Stack], port: int = PORT) -> Iterator[str]:
    """The page's address, served until the end."""
    with bound(port) as holder:
        page = server(find)
        thread = Thread(target=page.run, kwargs={"sockets": [holder]})
        thread.start()
        try:
            yield address(holder.getsockname()[1])
        finally:
            page.should_exit = True
            thread.join()


def server(find: Callable[[], Stack]) -> "uvicorn.Server":
    # Imported only now, because every other command would have to wait for them.
    import uvicorn  # noqa: PLC0415  # only now: other commands need not wait

    from sagactl.watch.server import application  # noqa: PLC0415  # only now: other commands need not wait

    # Whoever watches never hangs up; what uvicorn says of that at the end is nobody's concern.
    return uvicorn.Server(uvicorn.Config(application(find), log_level="critical", timeout_graceful_shutdown=1))


def bound(port: int) -> socket.socket:
    """Raises SagaError if the port is taken."""
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        holder.bind((HOST, port))
    except OSError:
        holder.close()
        raise SagaError(f"Port {port} is taken", "Choose another: saga watch --port N") from None
    return holder


def address(port: int) -> str:
    return f"http://localhost:{port}"
