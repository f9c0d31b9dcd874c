"""One LocalStack and one deployment for all tests of this folder; each test brings orders of its own."""

import socket
from collections.abc import Iterator

import pytest
from localstack.driver import PRODUCT, Saga

from sagactl import aws, localstack, shop
from sagactl.deploy import deploy
from sagactl.stack import Stack


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with localstack.running(port):
        where = aws.target(port=port)
        deployed = Stack(where, deploy(where, {}))
        shop.set_available(deployed, PRODUCT, 500)
        yield deployed


@pytest.fixture(scope="session")
def saga(stack: Stack) -> Saga:
    return Saga(stack)
