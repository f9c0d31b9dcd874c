"""A line to a server on this machine, which can be cut and mended again."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread

from support.ports import free_port

_BYTES_MAX = 65_536


class Line:
    """At `port` nobody answers, unless it is mended: then whoever is at the other port of this machine does."""

    def __init__(self, other: int) -> None:
        self.port = free_port()
        self._other = other

    @contextmanager
    def mended(self) -> Iterator[None]:
        """Cuts every connection at the end."""
        with _Switchboard(self.port, self._other) as switchboard:
            Thread(target=switchboard.serve_forever, args=(0.02,)).start()
            yield
            switchboard.shutdown()
            for end in switchboard.ends:
                _cut(end)


class _Switchboard(ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, port: int, other: int) -> None:
        super().__init__(("127.0.0.1", port), _Connection)
        self.other = other
        self.ends: list[socket.socket] = []


class _Connection(BaseRequestHandler):
    server: _Switchboard

    def handle(self) -> None:
        with socket.create_connection(("127.0.0.1", self.server.other)) as answering:
            calling = self.request
            self.server.ends += [calling, answering]
            back = Thread(target=_pass_on, args=(answering, calling))
            back.start()
            _pass_on(calling, answering)
            back.join()


def _pass_on(heard: socket.socket, told: socket.socket) -> None:
    with suppress(OSError):
        while said := heard.recv(_BYTES_MAX):
            told.sendall(said)
    _cut(heard)
    _cut(told)


def _cut(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
