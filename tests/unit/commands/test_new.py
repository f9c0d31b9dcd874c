"""`saga new`: a service like the others, which only its decisions are missing from; or nothing at all."""

import shlex
from pathlib import Path

import pytest
from support.copies import Copy
from typer.testing import CliRunner

from contracts.events import EVENTS
from sagactl.cli import app
from sagactl.design import scaffold
from sagactl.design.scaffold import Plan

UNHEARD = "GiftSent is heard by no service. If it is for listeners outside, say so in"


TESTS = Path(__file__).parents[2]
TABLE = "tests/unit/gifts/test_reactions.py"


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """One with a service that hears two events, and tells none."""
    copy = Copy(tmp_path_factory.mktemp("copy"))
    new(copy, "gifts", "--hears", "ShipmentOK,ShipmentFail")
    return copy


def new(copy: Copy, *arguments: str) -> str:
    """What `saga new` says."""
    ran = copy.run("-c", "from sagactl.cli import app; app()", "new", *arguments)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def run_table(copy: Copy) -> str:
    """The service's test, with the support of the project's own tests."""
    return copy.run("-m", "pytest", "-q", "--override-ini", f"pythonpath={shlex.quote(str(TESTS))}", TABLE).stdout


def test_all_else_is_right(copy: Copy) -> None:
    assert copy.check() == (0, "")


def test_it_appears_where_the_others_do(copy: Copy) -> None:
    assert '"gifts.hears"' in copy.read("events/asyncapi.json")
    assert "gifts" in copy.read("docs/deployment.svg")
    template = copy.read("template.yaml")
    assert template.index("ShippingLogs:") < template.index("GiftsTable:") < template.index("JournalTable:")


def test_the_test_fails_until_every_row_is_decided(copy: Copy) -> None:
    ran = run_table(copy)
    assert "4 failed, 1 passed" in ran
    assert "Not decided yet" in ran
    copy.replace(TABLE, "...,          None)", "NOTED,        None)", count=4)
    assert "5 passed" in run_table(copy)


def test_it_may_hear_many_events_and_tell_new_ones(tmp_path: Path) -> None:
    copy = Copy(tmp_path)
    left_behind = copy.folder / "functions/gifts/__pycache__/app.cpython-313.pyc"  # by git clean
    left_behind.parent.mkdir(parents=True)
    left_behind.touch()
    hears = ",".join(list(EVENTS)[-8:])
    said = new(copy, "gifts", "--hears", hears, "--tells", "GiftSent,GiftOfALongNameRefused")
    contracts = "functions/contracts/events.py"
    code = ["functions/gifts/reactions.py", "functions/gifts/app.py", TABLE, contracts]
    derived = ["template.yaml", "events/GiftSent.json", "events/asyncapi.json", "docs/deployment.svg"]
    assert all(said.count(f"wrote {path}\n") == 1 for path in (*code, *derived))
    assert copy.run("-m", "ruff", "check", *code).stdout == "All checks passed!\n"
    assert copy.run("-m", "ruff", "format", "--check", "--quiet", *code).returncode == 0
    assert 'class GiftSent(Event, frozen=True):\n    source = "saga.gifts"\n' in copy.read(contracts)
    assert "events:detail-type: [GiftSent, GiftOfALongNameRefused]" in copy.read("template.yaml")
    status, message = copy.check()
    assert status == 1
    assert message.startswith("GiftSent is heard by no service. If it is for listeners outside, say so in")


PROBLEMS: dict[str, tuple[Plan, list[str]]] = {
    "no identifier": (Plan("pay-ment", ["OrderCreated"], []), ["'pay-ment' is not a name for a service"]),
    "capitals": (Plan("Gifts", ["OrderCreated"], []), ["'Gifts' is not a name for a service"]),
    "a keyword": (Plan("class", ["OrderCreated"], []), ["'class' is not a name for a service"]),
    "a keyword as a class": (Plan("true", ["OrderCreated"], []), ["'true' is not a name for a service"]),
    "too long": (Plan("a" * 31, ["OrderCreated"], []), [f"'{'a' * 31}' is not a name for a service"]),
    "a service": (Plan("payment", ["OrderCreated"], []), ["functions/payment is there already"]),
    "the kernel": (Plan("saga", ["OrderCreated"], []), ["functions/saga is there already"]),
    "tests of something else": (Plan("commands", ["OrderCreated"], []), ["tests/unit/commands is there already"]),
    "a module of Python's": (Plan("json", ["OrderCreated"], []), ["Python has another module json"]),
    "what reactions import": (Plan("state", ["OrderCreated"], []), ["its State would be called State"]),
    "another's table": (Plan("stock", ["OrderCreated"], []), ["template.yaml has StockTable already"]),
    "another's rule": (Plan("strays", ["OrderCreated"], []), ["template.yaml has a rule of that name already"]),
    "hears nothing": (Plan("gifts", [], []), ["a service hears at least one event"]),
    "hears what is not": (
        Plan("gifts", ["OrderCreate", "Xyz"], []),
        ["it can't hear 'OrderCreate', which no service tells: did you mean OrderCreated?", "it can't hear 'Xyz'"],
    ),
    "tells another's": (Plan("gifts", ["OrderCreated"], ["PaymentOK"]), ["it can't tell PaymentOK, which saga.pay"]),
    "tells no identifier": (Plan("gifts", ["OrderCreated"], ["points"]), ["'points' is not a name for an event"]),
    "tells a value": (Plan("gifts", ["OrderCreated"], ["Amount"]), ["functions/contracts/events.py has another Am"]),
    "everything": (
        Plan("json", ["Xyz"], ["PaymentOK", "points"]),
        ["Python has another module json", "it can't hear 'Xyz'", "it can't tell PaymentOK", "'points' is not a"],
    ),
}


@pytest.mark.parametrize(("plan", "said"), PROBLEMS.values(), ids=PROBLEMS)
def test_every_problem_is_named(plan: Plan, said: list[str]) -> None:
    found = scaffold.problems(plan)
    assert [problem[: len(begin)] for problem, begin in zip(found, said, strict=True)] == said


def test_where_anything_is_wrong_nothing_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "write_text", None)
    ran = CliRunner().invoke(app, ["new", "gifts", "--hears", "Xyz, OrderCreated", "--tells", "PaymentOK"])
    assert (ran.exit_code, ran.stdout) == (1, "")
    assert [line.partition(" ")[0] for line in ran.stderr.splitlines()] == ["-", "-", "error:"]
