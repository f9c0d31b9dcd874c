"""Unit tests touch nothing outside this process. A function on AWS is tried on moto: see payment/test_app.py."""

import socket
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from support.emulation import Aws


@pytest.fixture(autouse=True, scope="module")
def no_network() -> Iterator[None]:
    def connect(*address: Any) -> None:
        raise AssertionError(f"a unit test opens a connection: {address}")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", connect)
        patch.setattr(socket.socket, "connect_ex", connect)
        yield


@pytest.fixture
def far_from_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Kolkata")
        time.tzset()
        yield
    time.tzset()


@pytest.fixture
def aws() -> Iterator["Aws"]:
    """AWS as moto emulates it, with the tables and the bus of template.yaml; new for each test."""
    from support.emulation import Aws, emulated

    with emulated():
        yield Aws()
