"""For all tests: what functions log and count, and one deployment on LocalStack.

What a fixture needs is imported in it, so that a test without it starts at once: no pure test loads boto3.
"""

import gc
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from support.division import FIRST, share, turn
from support.isolation import isolate
from support.output import Counted, Logged, Output

if TYPE_CHECKING:
    from support.driver import Saga

    from sagactl.stack.deployed_stack import Stack

isolate()

NICENESS = os.getpriority(os.PRIO_PROCESS, 0) + 10


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Has what takes longest come first, if there are several processes: `--numprocesses=4 --no-loadscope-reorder`."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: turn(item.nodeid))


def pytest_collection_finish() -> None:
    """Nothing that was imported or collected is garbage: it is not looked through again, and the rest seldom."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]  # it has no types

    scheduler = LoadScopeScheduling(config, log)
    scheduler._split_scope = share
    return scheduler


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Lets LocalStack's tests have the cores first: they wait for time-outs, and the whole run for them."""
    if hasattr(item.config, "workerinput") and turn(item.nodeid) != FIRST:
        os.setpriority(os.PRIO_PROCESS, 0, NICENESS)


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
