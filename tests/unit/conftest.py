"""Unit tests touch nothing outside this process."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(autouse=True, scope="module")
def no_network() -> Iterator[None]:
    def connect(*address: Any) -> None:
        raise AssertionError(f"a unit test opens a connection: {address}")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", connect)
        patch.setattr(socket.socket, "connect_ex", connect)
        yield
