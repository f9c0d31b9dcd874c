"""The page, served on this machine."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import TYPE_CHECKING

from sagactl.errors import SagaError
from sagactl.stack.deployed import Stack

if TYPE_CHECKING:
    import uvicorn


HOST, PORT = "127.0.0.1", 3001


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

    from sagactl.page.server import application  # noqa: PLC0415  # only now: other commands need not wait

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
