"""For all tests: what a function logged and counted, and the one deployment on LocalStack."""

import json
import os
from collections import Counter
from collections.abc import Iterator

import pytest
from support.deployment import free_port
from support.driver import Saga
from support.given import Counted, Logged

from sagactl.local import localstack
from sagactl.local.loading import log_to_stdout
from sagactl.stack import aws, shop
from sagactl.stack.deployed import Stack
from sagactl.stack.deployment import deploy

# As template.yaml sets them for every function; Powertools counts nothing without a namespace.
os.environ |= {"POWERTOOLS_METRICS_NAMESPACE": "Saga", "POWERTOOLS_SERVICE_NAME": "test"}


class Shown:
    """What the functions wrote and was not asked for yet."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys, self._lines = capsys, list[str]()

    def take(self, *, metrics: bool) -> list[str]:
        lines = self._lines + self._capsys.readouterr().out.split("\n")[:-1]
        taken = [line for line in lines if ("_aws" in json.loads(line)) == metrics]
        self._lines = [line for line in lines if line not in taken]
        return taken


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
def logged(_shown: Shown) -> Logged:
    """Gives the lines logged since it was asked last."""
    return lambda: _shown.take(metrics=False)


@pytest.fixture
def counted(_shown: Shown) -> Counted:
    """Gives the sum of each metric written since it was asked last."""

    def metrics() -> Counter[str]:
        sums: Counter[str] = Counter()
        for line in _shown.take(metrics=True):
            content = json.loads(line)
            for metric in content["_aws"]["CloudWatchMetrics"][0]["Metrics"]:
                sums[metric["Name"]] += sum(content[metric["Name"]])
        return sums

    return metrics


@pytest.fixture
def _shown(capsys: pytest.CaptureFixture[str]) -> Shown:
    log_to_stdout()
    return Shown(capsys)
