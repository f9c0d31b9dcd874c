"""`saga expire` has the watchdog ask now, and says what came of it."""

import io
import json
from typing import Any

import pytest
from support.emulation import Aws
from support.given import AT, ORDER_ID
from typer.testing import CliRunner, Result

from sagactl.cli import app
from sagactl.commands import expire as commands_expire
from sagactl.stack import expiry
from sagactl.stack.deployed_stack import Stack

OTHER = "00000000-0000-4000-8000-000000000002"
ANSWERS = [
    ({"told": 2, "left": 0}, "Asked about 2 orders.\n"),
    (
        {"told": 1, "left": 1200},
        "Asked about 1 order. There was no time for 1,200 others: the next runs ask about them, one each minute.\n",
    ),
    ({"told": 0, "left": 0}, "Nothing to ask: no such order is open past its deadline.\n"),
]


class Watchdog:
    """Answers as the function does."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.answer: dict[str, Any] = {"told": 1, "left": 0}
        self.failure: dict[str, str] = {}

    def client(self, _service: str) -> Any:
        return self

    def invoke(self, **arguments: str) -> dict[str, Any]:
        assert arguments["FunctionName"] == "saga-order-watchdog"
        self.asked.append(json.loads(arguments["Payload"]))
        return {"Payload": io.BytesIO(json.dumps(self.answer).encode())} | self.failure


@pytest.fixture
def watchdog(monkeypatch: pytest.MonkeyPatch) -> Watchdog:
    watchdog = Watchdog()
    where: Any = watchdog
    stack = Stack(where, {"OrderWatchdogFunction": "saga-order-watchdog", "OrderTable": "OrderTable"})
    monkeypatch.setattr(commands_expire, "find", lambda **_: stack)
    return watchdog


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["expire", *arguments])


@pytest.mark.parametrize(("answer", "said"), ANSWERS)
def test_it_says_how_many_were_asked_about(watchdog: Watchdog, answer: dict[str, int], said: str) -> None:
    watchdog.answer = answer
    result = run("--all")
    assert (result.exit_code, result.stdout) == (0, said)
    assert json.loads(run("--all", "--json").stdout) == answer | {"dated": 0}
    assert watchdog.asked == [{"expire": "all"}] * 2


def test_orders_are_named_by_their_ids(watchdog: Watchdog) -> None:
    assert run(str(ORDER_ID).upper(), OTHER).exit_code == 0
    assert watchdog.asked == [{"expire": [str(ORDER_ID), OTHER]}]


def test_a_watchdog_that_fails_is_one_line(watchdog: Watchdog) -> None:
    watchdog.failure = {"FunctionError": "Unhandled"}
    watchdog.answer = {"errorType": "NotTold", "errorMessage": "OrderExpired: ThrottlingException"}
    result = run("--all")
    message = (
        "error: The watchdog failed with NotTold: OrderExpired: ThrottlingException. "
        "See its log: saga logs --service order.\n"
    )
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", message)


@pytest.mark.parametrize("arguments", [[], [OTHER, "--all"], [OTHER, "--undated"]])
def test_bad_use_is_named(watchdog: Watchdog, arguments: list[str]) -> None:
    result = run(*arguments)
    assert (result.exit_code, watchdog.asked) == (2, [])
    assert "'ORDER' / '--all' / '--undated'" in result.stderr


def test_open_orders_without_a_due_time_get_one(aws: Aws) -> None:
    class Here:
        @staticmethod
        def client(_service: str) -> Any:
            return aws.dynamodb

    here: Any = Here()
    items: dict[str, dict[str, Any]] = {
        "undated": {"openShard": 1, "openedAt": AT},
        "dated": {"openShard": 1, "openedAt": AT, "dueAt": "2027"},
        "closed": {"openedAt": AT},
    }
    for order_id, item in items.items():
        aws.put_item("OrderTable", orderId=order_id, **item)
    assert expiry.date(Stack(here, {"OrderTable": "OrderTable"})) == 1
    dues = {order_id: aws.item("OrderTable", orderId=order_id).get("dueAt") for order_id in items}
    assert dues == {"undated": AT, "dated": "2027", "closed": None}
