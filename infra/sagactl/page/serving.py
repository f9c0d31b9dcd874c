"""The page, served on this machine."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import TYPE_CHECKING

from sagactl.errors import SagaError
from sagactl.stack.deployed_stack import Stack

if TYPE_CHECKING:
    import uvicorn


HOST = "127.0.0.1"
PORT = 3001


@contextmanager
def served(find: Callable[[], Stack], port: int = PORT) -> Iterator[str]:
    """Serves the page for the stack that `find` finds, and gives its address; port 0 takes any that is free."""
    with bound(port) as listener:
        page = server(find)
        thread = Thread(target=page.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield address(listener.getsockname()[1])
        finally:
            page.should_exit = True
            thread.join()


def server(find: Callable[[], Stack]) -> "uvicorn.Server":
    # Imported here, so that no other command has to wait for them.
    import uvicorn

    from sagactl.page.application import application

    # A browser never ends its event stream: uvicorn cuts it after this second, and would log that as an error.
    config = uvicorn.Config(application(find), log_level="critical", timeout_graceful_shutdown=1)
    return uvicorn.Server(config)


def bound(port: int) -> socket.socket:
    """A socket on this port of this machine, which keeps who calls waiting. Raises SagaError if the port is taken."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError:
        listener.close()
        raise SagaError(f"Port {port} is taken", "Choose another: saga watch --page-port N") from None
    listener.listen()  # or a browser that is faster than the server would be refused
    return listener


def address(port: int) -> str:
    return f"http://localhost:{port}"
