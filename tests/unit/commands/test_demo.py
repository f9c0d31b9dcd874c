"""`saga demo`: its last line and its exit code, when all goes well and when anything doesn't."""

import json
from collections.abc import Callable, Sequence

import pytest
from typer.testing import CliRunner

from sagactl.cli import app
from sagactl.commands import demo
from sagactl.design.ways import all_ways
from sagactl.stack import audit, aws, demo_orders, shop
from sagactl.stack.demo_orders import Trial
from sagactl.stack.deployed_stack import Stack
from sagactl.stack.journal import Told

type Outcome = Callable[..., None]
GOOD = ["COMPLETED", "FAILED", "FAILED", "FAILED", "FAILED", "FAILED"]
REASON = "a reason"
AT, LATER = "2026-01-31T12:00:00.000Z", "2026-01-31T12:00:01.234Z"
CREATED = Told("OrderCreated", "saga.order", AT, AT, "1", None, {})
SHIPPED = Told("ShipmentOK", "saga.shipping", LATER, LATER, "2", "1", {}, since_first_ms=1234)


@pytest.fixture
def outcome(monkeypatch: pytest.MonkeyPatch) -> Outcome:
    """Says how the orders of the demo come out, and what the books say of it."""

    def outcome(statuses: Sequence[str], problems: Sequence[str] = ()) -> None:
        def run(_: Stack, trials: Sequence[Trial], *, live: bool, pause_seconds: float) -> None:
            assert not live
            assert pause_seconds == 0
            for one, status in zip(trials, statuses, strict=True):
                one.status = status
                if status == "FAILED":
                    one.reason = REASON
                one.timeline = [CREATED, SHIPPED]

        monkeypatch.setattr(demo, "run", run)
        monkeypatch.setattr(audit, "audit", lambda *_: list(problems))

    monkeypatch.setattr(demo, "deployed", lambda *_, **__: None)
    monkeypatch.setattr(shop, "set_available", lambda *_: None)
    monkeypatch.setattr(audit, "stock", lambda *_: {})
    return outcome


def test_all_as_expected(outcome: Outcome) -> None:
    outcome(GOOD)
    ran = CliRunner().invoke(app, ["demo"])
    assert (ran.exit_code, ran.stderr) == (0, "")
    lines = ran.stdout.splitlines()
    assert lines[-1] == "6 sagas closed: 1 COMPLETED, 5 FAILED, 0 open. Money and stock balance."
    for way in all_ways().values():
        because = f": {REASON}" if way.ends == "FAILED" else ""
        assert any(line.startswith(f"{way.ends:9}  {way.title}{because}  by ") for line in lines)
    assert "1,234 ms" in ran.stdout
    assert lines[2].split() == ["1,234", "ms", "ShipmentOK", "told", "by", "shipping"]


BAD = {
    "an order stays open": (
        ["PENDING", "FAILED", "FAILED", "FAILED", "FAILED", "FAILED"],
        ["an id: still PENDING"],
        "5 sagas closed: 0 COMPLETED, 5 FAILED, 1 open.",
        "All goes well: PENDING, not COMPLETED; an id: still PENDING",
    ),
    "an order ends otherwise": (
        ["COMPLETED", "COMPLETED", "FAILED", "FAILED", "FAILED", "FAILED"],
        [],
        "6 sagas closed: 2 COMPLETED, 4 FAILED, 0 open.",
        "Payment is declined: COMPLETED, not FAILED",
    ),
    "money and stock don't balance": (
        GOOD,
        ["item-001: 499 available or held, 500 stocked"],
        "6 sagas closed: 1 COMPLETED, 5 FAILED, 0 open.",
        "item-001: 499 available or held, 500 stocked",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_anything_else_is_an_error(outcome: Outcome, case: str) -> None:
    statuses, problems, closed, error = BAD[case]
    outcome(statuses, problems)
    ran = CliRunner().invoke(app, ["demo"])
    assert ran.exit_code == 1
    assert ran.stdout.splitlines()[-1] == closed
    assert ran.stderr == f"error: {error}. Look at what happened: saga orders.\n"


def test_programs_get_json_and_the_same_exit_code(outcome: Outcome) -> None:
    outcome(GOOD)
    ran = CliRunner().invoke(app, ["demo", "--json"])
    found = json.loads(ran.stdout)
    assert (ran.exit_code, found["problems"]) == (0, [])
    assert [order["status"] for order in found["orders"]] == GOOD
    assert found["orders"][0].items() >= {"title": "All goes well", "via": "api", "ends": "COMPLETED"}.items()

    outcome(GOOD, ["astray"])
    ran = CliRunner().invoke(app, ["demo", "--json"])
    assert (ran.exit_code, json.loads(ran.stdout)["problems"]) == (1, ["astray"])


def test_an_order_is_placed_once_the_one_before_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    happened: list[str] = []

    def place(_: Stack, one: Trial) -> None:
        happened.append(f"placed {one.way.title}")

    def look(_: Stack, one: Trial) -> None:
        """It is closed when it is looked at for the first time, and the journal lags behind."""
        happened.append(f"looked at {one.way.title}")
        one.timeline = [SHIPPED] if one.status == "COMPLETED" else []
        one.status = "COMPLETED"

    monkeypatch.setattr(demo_orders, "place", place)
    monkeypatch.setattr(demo_orders, "_look", look)
    monkeypatch.setattr(demo_orders, "PERIOD_SECONDS", 0)
    one, other = demo_orders.all_trials()[:2]
    stack = Stack(aws.target(), {})
    assert list(demo_orders.run(stack, [one, other])) == [[one], [one, other], [one, other]]
    first, second = one.way.title, other.way.title
    assert happened == [
        f"placed {first}",
        f"looked at {first}",
        f"placed {second}",
        f"looked at {first}",
        f"looked at {second}",
        f"looked at {second}",
    ]
