"""Every line of functions/ is changed in turn, and the tests that run it must notice."""

import gc
import importlib
import itertools
import json
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from types import CodeType
from typing import Any, NamedTuple

import pytest
from mutation.trial import Trial, passed, pretend, tests_pass

from sagactl.paths import PROJECT, STATE

FUNCTIONS = PROJECT / "functions"
MUTMUT = STATE / "mutation/venv/bin/python"
# What shows that any package is right; and each, besides its own unit tests.
EVERYWHERE = ("tests/unit/saga/test_sdk.py", "tests/unit/contracts/test_compatibility.py")
MORE_TESTS = {
    "contracts": ["unit/saga/test_loops", "service/test_hearing"],
    "saga": ["contract/test_buses", "contract/test_eventbridge_bus", "contract/test_ledgers", "service/test_hearing"],
    "payment": ["service/test_hearing"],
    "inventory": ["contract/test_stock_ledgers", "service/test_hearing"],
    "shipping": ["service/test_hearing"],
    "order": ["contract/test_open_orders", "service/test_hearing", "service/test_http", "service/test_watchdog"],
    "journal": ["service/test_journal"],
}
LEFT_OUT = ["-k", "not backlog"]  # which takes long
RECORD = STATE / "mutation/tests.json"
LIBRARIES = STATE / "mutation/libraries.json"
SECONDS_MORE = 10  # which a trial may take beyond three times what its tests take


class Mutant(NamedTuple):
    """See mutants.py."""

    file: str
    where: str
    change: str
    code: str

    @property
    def package(self) -> str:
        return self.file.partition("/")[0]

    @property
    def name(self) -> str:
        return f"{self.file} {self.where}: {self.change}"


class Test(NamedTuple):
    """A test, and the functions that it runs, each as a file and a name."""

    id: str
    seconds: float
    runs: list[list[str]]

    @property
    def file(self) -> str:
        return self.id.partition("::")[0]


def packages() -> list[str]:
    return sorted(path.name for path in FUNCTIONS.iterdir() if (path / "__init__.py").exists())


def mutants() -> list[Mutant]:
    made = subprocess.run(
        [MUTMUT, PROJECT / "tests/mutation/mutants.py", FUNCTIONS], stdout=subprocess.PIPE, text=True, check=True
    )
    return [Mutant(**json.loads(line)) for line in made.stdout.splitlines()]


class Recorder:
    """Notes which functions each test runs."""

    def __init__(self) -> None:
        self.tests: list[Test] = []
        self._runs: set[tuple[str, str]] = set()
        monitoring = sys.monitoring
        monitoring.use_tool_id(monitoring.COVERAGE_ID, "mutation")
        monitoring.register_callback(monitoring.COVERAGE_ID, monitoring.events.PY_START, self._started)
        monitoring.set_events(monitoring.COVERAGE_ID, monitoring.events.PY_START)

    def _started(self, code: CodeType, _offset: int) -> Any:
        file = Path(code.co_filename)
        if file.is_relative_to(FUNCTIONS):
            self._runs.add((str(file.relative_to(FUNCTIONS)), code.co_qualname.partition(".<locals>")[0]))
        return sys.monitoring.DISABLE

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._runs.clear()
        sys.monitoring.restart_events()
        started = time.monotonic()
        done = yield
        self.tests.append(Test(item.nodeid, time.monotonic() - started, sorted(map(list, self._runs))))
        return done

    def pytest_sessionfinish(self) -> None:
        RECORD.write_text(json.dumps(self.tests))
        files = {name: str(getattr(module, "__file__", None)) for name, module in list(sys.modules.items())}
        LIBRARIES.write_text(json.dumps([name for name, file in files.items() if "site-packages" in file]))


def tests_of(package: str) -> list[str]:
    return [*EVERYWHERE, f"tests/unit/{package}", *(f"tests/{name}.py" for name in MORE_TESTS[package])]


def recorded(packages: Iterable[str]) -> list[Test]:
    """Runs the packages' tests once on the code as it is."""
    RECORD.parent.mkdir(parents=True, exist_ok=True)
    wanted = dict.fromkeys(itertools.chain.from_iterable(map(tests_of, packages)))
    [(_, is_well)] = passed([Trial(lambda: tests_pass([*wanted, *LEFT_OUT], Recorder()), 600)])
    assert is_well, "the tests fail on the code as it is"
    return [Test(*test) for test in json.loads(RECORD.read_text())]


class Selection:
    """Runs these tests and no others, file by file, in their sequence."""

    def __init__(self, tests: list[Test]) -> None:
        self._turns = {test.id: turn for turn, test in enumerate(tests)}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        chosen = [item for item in items if item.nodeid in self._turns]
        items[:] = sorted(chosen, key=lambda item: self._turns[item.nodeid])


def warm_up() -> None:
    """Imports once, for all processes that are forked off, what tests import that is not of this project."""
    for name in json.loads(LIBRARIES.read_text()):
        with suppress(ImportError):
            importlib.import_module(name)
    gc.freeze()


def chosen(mutant: Mutant, tests: list[Test]) -> list[Test]:
    """Returns the package's tests that run the function, or all if it is none; the quick ones first."""
    own = [test for test in tests if test.id.startswith(tuple(tests_of(mutant.package)))]
    found = [test for test in own if [mutant.file, mutant.where] in test.runs] or own
    seconds: dict[str, float] = defaultdict(float)
    for test in found:
        seconds[test.file] += test.seconds
    return sorted(found, key=lambda test: (seconds[test.file], test.file, test.seconds))


def trial(mutant: Mutant, tests: list[Test]) -> Trial:
    wanted = chosen(mutant, tests)
    files = dict.fromkeys(test.file for test in wanted)

    def run() -> bool:
        pretend(FUNCTIONS / mutant.file, mutant.code)
        return all(tests_pass(["-x", file], Selection(wanted)) for file in files)

    return Trial(run, SECONDS_MORE + round(3 * sum(test.seconds for test in wanted)))


def survivors(some: list[Mutant]) -> Iterator[str]:
    """Yields the names of the mutants that no test notices."""
    tests = recorded(dict.fromkeys(mutant.package for mutant in some))
    warm_up()
    trials = (trial(mutant, tests) for mutant in some)
    for number, is_alive in passed(trials):
        if is_alive:
            yield some[number].name
