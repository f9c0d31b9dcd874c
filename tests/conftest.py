"""For all tests: what a function logged and counted, and the one deployment on LocalStack."""

import io
import json
from collections import Counter
from collections.abc import Iterator

import pytest
from deployment import free_port
from given import Counted, Logged
from localstack.driver import Saga

from sagactl import aws, shop
from sagactl.deploy import deploy
from sagactl.local import localstack
from sagactl.stack import Stack


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The saga on a LocalStack of its own, started when it is first asked for."""
    port = free_port()
    with localstack.running(port):
        where = aws.target(port=port)
        deployed = Stack(where, deploy(where, {}))
        shop.set_available(deployed, shop.PRODUCT, 500)
        yield deployed


@pytest.fixture(scope="session")
def saga(stack: Stack) -> Saga:
    return Saga(stack)


@pytest.fixture
def logged() -> Iterator[Logged]:
    """Gives the lines logged since it was asked last."""
    from saga.observe import logger  # noqa: PLC0415  # only now: it reads the environment

    stream = io.StringIO()
    before = logger.registered_handler.setStream(stream)  # type: ignore[attr-defined]

    def lines() -> list[str]:
        text = stream.getvalue()
        stream.seek(0)
        stream.truncate()
        return text.split("\n")[:-1]

    yield lines
    logger.registered_handler.setStream(before)  # type: ignore[attr-defined]


@pytest.fixture
def counted(capsys: pytest.CaptureFixture[str]) -> Counted:
    """Gives the sum of each metric written since it was asked last."""

    def metrics() -> Counter[str]:
        sums: Counter[str] = Counter()
        for line in capsys.readouterr().out.splitlines():
            content = json.loads(line)
            for metric in content["_aws"]["CloudWatchMetrics"][0]["Metrics"]:
                sums[metric["Name"]] += sum(content[metric["Name"]])
        return sums

    return metrics
