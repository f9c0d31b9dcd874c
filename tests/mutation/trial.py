"""Runs tests in processes that are forked off, in which one file of the project has other contents.

Nothing is written to the disk.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import pytest
from hypothesis import settings

CORES = os.cpu_count() or 1
WAITING = 10  # times what a trial may compute is how long it may take, so that a busy machine notices no mutant
OPTIONS = ("-q", "-pno:cacheprovider", "--assert=plain", "--tb=no")  # nobody reads why a test fails


class Trial(NamedTuple):
    """`run` returns whether the tests pass. After computing for `seconds_max` they have failed."""

    run: Callable[[], bool]
    seconds_max: int


def passed(trials: Iterable[Trial]) -> Iterator[tuple[int, bool]]:
    """Yields the number of each trial, counted from 0, and whether its tests passed, as soon as that is known."""
    running: dict[int, int] = {}
    for number, trial in enumerate(trials):
        if len(running) == CORES:
            yield _next_of(running)
        running[_forked(trial)] = number
    while running:
        yield _next_of(running)


def _next_of(running: dict[int, int]) -> tuple[int, bool]:
    pid, status = os.wait()
    return running.pop(pid), status == 0


def _forked(trial: Trial) -> int:
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        # Either's signal ends the process.
        signal.setitimer(signal.ITIMER_PROF, trial.seconds_max)
        signal.alarm(WAITING * trial.seconds_max)
        status = 0 if trial.run() else 1
    finally:
        os._exit(status)


def pretend(path: Path, contents: str) -> None:
    """From now on, whoever imports or reads this file finds these contents in it."""
    compiled = SourceFileLoader.get_code
    read = Path.read_text

    def get_code(loader: SourceFileLoader, name: str) -> Any:
        if loader.path == str(path):
            return compile(contents, path, "exec", dont_inherit=True)
        return compiled(loader, name)

    def read_text(file: Path, *arguments: Any, **options: Any) -> str:
        return contents if file == path else read(file, *arguments, **options)

    patch.object(SourceFileLoader, "get_code", get_code).start()
    patch.object(Path, "read_text", read_text).start()


class InThisProcess:
    """Leaves out the tests that take DynamoDB Local, which is a process of its own."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        items[:] = [
            item for item in items if "dynamodb_local" not in item.fixturenames and "dynamodb-local" not in item.name
        ]


def tests_pass(arguments: Sequence[str], *plugins: object) -> bool:
    """Runs pytest. Chance is the same each time."""
    settings.register_profile("repeated", derandomize=True, database=None)
    settings.load_profile("repeated")
    sys.argv = ["pytest"]
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        return pytest.main([*OPTIONS, *arguments], plugins=[InThisProcess(), *plugins]) == 0
