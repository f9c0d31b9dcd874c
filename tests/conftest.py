"""For all tests: what functions log and count, and one deployment on LocalStack.

What a fixture needs is imported in it, so that a test without it starts at once: no pure test loads boto3.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from support.isolation import isolate
from support.output import Counted, Logged, Output

if TYPE_CHECKING:
    from support.driver import Saga

    from sagactl.stack.deployed_stack import Stack

isolate()


@pytest.fixture(scope="session")
def stack() -> Iterator["Stack"]:
    """The saga on a LocalStack of its own, started when it is first asked for."""
    from support.driver import deployed

    with deployed() as stack:
        yield stack


@pytest.fixture(scope="session")
def saga(stack: "Stack") -> "Saga":
    from support.driver import Saga

    return Saga(stack)


@pytest.fixture
def logged(_output: Output) -> Logged:
    """Returns the lines logged since it was asked last."""
    return _output.logged


@pytest.fixture
def counted(_output: Output) -> Counted:
    """Returns the sum of each metric written since it was asked last."""
    return _output.counted


@pytest.fixture
def _output(capsys: pytest.CaptureFixture[str]) -> Output:
    from sagactl.local.functions import log_to_stdout

    log_to_stdout()
    return Output(capsys)
