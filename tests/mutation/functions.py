"""Every line of functions/ is changed in turn; the tests that run it, or the type checker, must notice.

What stands in a function is first exchanged in a process that has collected all tests: most mutants are noticed there
in a moment. For those that are left, and for what stands outside of functions, everything is imported anew.
"""

import gc
import importlib
import itertools
import json
import subprocess
import sys
import tempfile
import time
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from types import CodeType
from typing import Any, NamedTuple

import pytest
from _pytest.runner import runtestprotocol
from mutation.bodies import Bodies, bodies, compiled, exchange
from mutation.trial import Trial, passed, pretend, tests_pass
from mypy import api as mypy

from sagactl.paths import PROJECT, STATE

FUNCTIONS = PROJECT / "functions"
MUTMUT = STATE / "mutation/venv/bin/python"
# What shows that any package is right; and each, besides its own unit tests.
EVERYWHERE = ("tests/unit/saga/test_sdk.py", "tests/unit/contracts/test_compatibility.py")
MORE_TESTS = {
    "contracts": ["unit/saga/test_loops", "unit/shipping/test_reactions", "service/test_hearing"],
    "saga": [
        "contract/test_buses",
        "contract/test_eventbridge_bus",
        "contract/test_ledgers",
        "service/test_hearing",
        "unit/contracts/test_events",
    ],
    "payment": ["service/test_hearing"],
    "inventory": ["contract/test_stock_ledgers", "service/test_hearing"],
    "shipping": ["service/test_hearing"],
    "order": ["contract/test_open_orders", "service/test_hearing", "service/test_http", "service/test_watchdog"],
    "journal": ["contract/test_journal_reads", "service/test_journal"],
}
LEFT_OUT = ["-k", "not backlog"]  # which takes long
RECORD = STATE / "mutation/tests.json"
LIBRARIES = STATE / "mutation/libraries.json"
ALIVE = STATE / "mutation/alive.json"
TYPES = STATE / "mutation/mypy"
IN_PLACE_MAX = 100  # tests, of which one notices most mutants
SECONDS_MORE = 30  # which a trial may compute beyond three times what its tests take


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


def mutants(named: list[str]) -> list[Mutant]:
    """Returns those of the files whose names begin with one of these."""
    arguments = [str(MUTMUT), str(PROJECT / "tests/mutation/mutants.py"), str(FUNCTIONS), *named]
    made = subprocess.run(arguments, stdout=subprocess.PIPE, text=True, check=True)
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


class InPlace:
    """Exchanges what stands in a function by the mutants of it, one at a time, instead of running all tests."""

    def __init__(self, some: list[Mutant], tests: list[Test]) -> None:
        self._some = some
        self._tests = tests

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items = {item.nodeid: item for item in session.items}
        found = bodies()
        gc.freeze()
        trials = (self._trial(mutant, items, found) for mutant in self._some)
        ALIVE.write_text(json.dumps([number for number, is_alive in passed(trials) if is_alive]))
        return True

    def _trial(self, mutant: Mutant, items: dict[str, pytest.Item], found: Bodies) -> Trial:
        wanted = chosen(mutant, self._tests)[:IN_PLACE_MAX]
        collected = [items[test.id] for test in wanted]

        def run() -> bool:
            path = FUNCTIONS / mutant.file
            if not exchange(found, compiled(path.read_text(), path), compiled(mutant.code, path)):
                return True
            pretend(path, mutant.code)
            return all_pass(collected)

        return Trial(run, seconds_max(wanted))


def all_pass(items: list[pytest.Item]) -> bool:
    for item, following in itertools.zip_longest(items, items[1:]):
        if any(report.failed for report in runtestprotocol(item, nextitem=following, log=False)):
            return False
    return True


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
    """Returns the package's tests that run the function, or all if it is run by importing; the quick ones first."""
    own = [test for test in tests if test.id.startswith(tuple(tests_of(mutant.package)))]
    found = [test for test in own if [mutant.file, mutant.where] in test.runs]
    if all([mutant.file, "<module>"] in test.runs for test in found):
        found = own
    seconds: dict[str, float] = defaultdict(float)
    for test in found:
        seconds[test.file] += test.seconds
    return sorted(found, key=lambda test: (seconds[test.file], test.file, test.seconds))


def is_refused(path: Path, code: str) -> bool:
    """Returns whether `make check` finds that the types in this file are wrong, if it has this code.

    Blank lines at the end give each code a size of its own: one as large as before, mypy may take for unchanged.
    """
    blank = "\n" * (1_000 + zlib.crc32(code.encode()) % 10_000)
    with tempfile.NamedTemporaryFile("w", suffix=".py") as instead:
        instead.write(code + blank)
        instead.flush()
        arguments = ["--cache-dir", str(TYPES), "--shadow-file", str(path), instead.name, str(path)]
        _, _, status = mypy.run(arguments)
    return status != 0


def seconds_max(tests: list[Test]) -> int:
    return SECONDS_MORE + round(3 * sum(test.seconds for test in tests))


def trial(mutant: Mutant, tests: list[Test]) -> Trial:
    wanted = chosen(mutant, tests)
    files = dict.fromkeys(test.file for test in wanted)

    def run() -> bool:
        if is_refused(FUNCTIONS / mutant.file, mutant.code):
            return False
        pretend(FUNCTIONS / mutant.file, mutant.code)
        # At once: after a first run of pytest, the functions' logger would write to what that has closed.
        return tests_pass(["-x", *files], Selection(wanted))

    return Trial(run, seconds_max(wanted))


def survivors(some: list[Mutant]) -> Iterator[str]:
    """Yields the names of the mutants that no test notices."""
    for file in dict.fromkeys(mutant.file for mutant in some):
        path = FUNCTIONS / file
        assert not is_refused(path, path.read_text()), f"the types in {file} are wrong as it is"
    tests = recorded(dict.fromkeys(mutant.package for mutant in some))
    warm_up()
    files = dict.fromkeys(test.file for test in tests)
    ALIVE.unlink(missing_ok=True)
    list(passed([Trial(lambda: tests_pass([*files, "--capture=sys"], InPlace(some, tests)), 86_400)]))
    left = [some[number] for number in json.loads(ALIVE.read_text())]
    for number, is_alive in passed(trial(mutant, tests) for mutant in left):
        if is_alive:
            yield left[number].name
