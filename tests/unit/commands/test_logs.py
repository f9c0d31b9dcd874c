"""`saga logs`: which lines are shown, in which order, and how they read."""

import itertools
import json
import time
from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from support.given import ORDER_ID
from typer.testing import CliRunner, Result

from sagactl.cli import app
from sagactl.commands import logs as commands_logs
from sagactl.stack import aws, journal, logs
from sagactl.stack.deployed_stack import Stack

ID = str(ORDER_ID)
START_MS = 1_769_860_800_000  # 2026-01-31T12:00:00Z
_ids = map(str, itertools.count())


def event(content: Any, ms: int = 0) -> dict[str, Any]:
    """As CloudWatch has it; its timestamp is that of the end of the invocation."""
    text = content if isinstance(content, str) else json.dumps(content)
    return {"eventId": next(_ids), "timestamp": START_MS + 900 + ms, "message": f"{text}\n"}


def line(message: str, ms: int, level: str = "INFO", **fields: Any) -> dict[str, Any]:
    said = {"level": level, "message": message, "service": "payment"}
    return event(said | {"timestamp": f"2026-01-31T12:00:00.{ms:03}Z"} | fields, ms)


HEARD = {"orderId": ID, "detailType": "OrderCreated", "decided": "CHARGED", "told": "PaymentOK"}


class Logs:
    """CloudWatch Logs, so far as it is asked; like LocalStack's it knows no filter."""

    def __init__(self, **groups: list[dict[str, Any]]) -> None:
        self.groups = {f"/aws/lambda/saga-{name.replace('_', '-')}": events for name, events in groups.items()}
        self.asked: list[dict[str, Any]] = []

    def get_paginator(self, operation: str) -> Any:
        return SimpleNamespace(paginate=getattr(self, operation))

    def list_stack_resources(self, StackName: str) -> Iterator[Any]:  # noqa: N803  # boto3's name
        """Another stack's groups are not among them, whatever their names begin with."""
        assert StackName == "saga"
        own = [name for name in self.groups if not name.startswith("/aws/lambda/saga-two-")]
        yield {
            "StackResourceSummaries": [
                {"ResourceType": "AWS::Logs::LogGroup", "LogicalResourceId": name, "PhysicalResourceId": name}
                for name in [*own, "/aws/apigateway/saga"]
            ]
        }

    def filter_log_events(self, **asked: Any) -> Iterator[Any]:
        self.asked.append(asked)
        found = [one for one in self.groups[asked["logGroupName"]] if one["timestamp"] >= asked["startTime"]]
        yield {"events": found[:1]}
        yield {"events": found[1:]}


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Says what the functions have logged."""

    def logged(**groups: list[dict[str, Any]]) -> Logs:
        found = Logs(**groups)
        monkeypatch.setattr(commands_logs, "find", lambda **_: Stack(aws.Target(None), {}))
        monkeypatch.setattr(Stack, "client", lambda *_: found)
        monkeypatch.setattr(journal, "timeline", lambda *_: [])
        return found

    return logged


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["logs", "--since", "365d", *arguments])


def test_lines_of_all_functions_are_merged_by_their_own_time(logged: Any) -> None:
    logged(payment=[line("one", 10), line("three", 30)], order_http=[line("four", 40), line("two", 20)])
    assert [shown.split() for shown in run().stdout.splitlines()] == [
        ["12:00:00.010", "payment", "one"],
        ["12:00:00.020", "order-http", "two"],
        ["12:00:00.030", "payment", "three"],
        ["12:00:00.040", "order-http", "four"],
    ]


def test_a_line_reads_as_what_was_heard_decided_and_told(logged: Any) -> None:
    logged(payment=[line("heard", 10, **HEARD)])
    said = " ".join(run().stdout.split())
    assert said == f"12:00:00.010 payment heard OrderCreated decided CHARGED told PaymentOK {ID}"


def test_what_went_wrong_stands_out_with_its_traceback(logged: Any) -> None:
    trace = 'Traceback\n  File "x.py"\x1b[2J'
    logged(
        journal=[line("not journaled", 10, "ERROR", messageId="m1", exception=trace)], payment=[event("Task timed out")]
    )
    assert [" ".join(shown.split()) for shown in run().stdout.splitlines()] == [
        "12:00:00.010 journal ERROR not journaled messageId m1",
        "Traceback",
        'File "x.py" [2J',
        "12:00:00.900 payment Task timed out",
    ]


def test_what_a_function_raised_is_shown_once_with_its_traceback(logged: Any) -> None:
    frames = ['  File "service.py", line 1, in hear\n    raise Refused\n', '  File "x.py", line 2\n']
    raised = {"errorMessage": "amount: missing", "errorType": "Refused", "requestId": "r1", "stackTrace": frames}
    logged(payment=[event(raised | {"level": "ERROR", "timestamp": "2026-01-31T12:00:00Z"})])
    assert [" ".join(shown.split()) for shown in run().stdout.splitlines()] == [
        "12:00:00.000 payment ERROR Refused: amount: missing",
        'File "service.py", line 1, in hear',
        "raise Refused",
        'File "x.py", line 2',
    ]


POWERTOOLS: dict[str, Any] = {
    "cold_start": False,
    "correlation_id": "d29af92f",
    "function_arn": "arn:aws:lambda:us-east-1:000000000000:function:saga-payment",
    "function_memory_size": "512",
    "function_name": "saga-payment",
    "function_request_id": "a21e5b28",
    "location": "hear:82",
    "xray_trace_id": "1-6b080c63",
}


def test_what_powertools_adds_to_every_line_is_for_programs(logged: Any) -> None:
    logged(payment=[line("heard", 10, **HEARD | POWERTOOLS)])
    said = " ".join(run().stdout.split())
    assert said == f"12:00:00.010 payment heard OrderCreated decided CHARGED told PaymentOK {ID}"
    assert json.loads(run("--json").stdout).items() >= POWERTOOLS.items()


def test_what_the_platform_says_and_metrics_are_left_out(logged: Any) -> None:
    platform = ["START RequestId: 1 Version: $LATEST", "END RequestId: 1", "REPORT RequestId: 1"]
    noise = [*platform, {"_aws": {"Timestamp": 1}, "Loops": 1}, {"type": "platform.report", "record": {}}]
    logged(payment=[*map(event, noise), line("heard", 10)])
    assert len(run().stdout.splitlines()) == 1


def test_only_one_order(logged: Any) -> None:
    found = logged(payment=[line("heard", 10, **HEARD), line("heard", 20, orderId="another")])
    assert len(run("--order", ID.upper()).stdout.splitlines()) == 1
    assert {asked["filterPattern"] for asked in found.asked} == {f'"{ID}"'}


def test_what_lambda_says_of_an_orders_invocation_is_shown_with_the_event_that_it_was_about(logged: Any) -> None:
    request, other = "5a9a0001-0000-4000-8000-000000000001", "5a9a0001-0000-4000-8000-000000000002"
    raised = {"errorMessage": "m", "errorType": "E", "requestId": request, "timestamp": "2026-01-31T12:00:00.020Z"}
    found = logged(
        payment=[
            line("heard", 10, **HEARD, function_request_id=request),
            event(raised | {"level": "ERROR"}),
            event(f"2026-01-31T12:00:01.000Z {request} Task timed out after 10.00 seconds"),
            event(f"2026-01-31T12:00:01.000Z {other} Task timed out after 10.00 seconds"),
        ]
    )
    said = [" ".join(shown.split()) for shown in run("--order", ID).stdout.splitlines()]
    about = f"OrderCreated {ID}"
    assert said[1:] == [
        f"12:00:00.020 payment ERROR E: m {about}",
        f"12:00:00.900 payment ERROR 2026-01-31T12:00:01.000Z {request} Task timed out after 10.00 seconds {about}",
    ]
    assert [asked["filterPattern"] for asked in found.asked] == [f'"{ID}"', f'"{request}"']


@pytest.mark.parametrize(("level", "shown"), [("debug", 4), ("INFO", 4), ("warning", 3), ("ERROR", 2), ("CRITICAL", 0)])
def test_only_a_level_or_above_and_what_lambda_says_of_a_failure(logged: Any, level: str, shown: int) -> None:
    logged(
        payment=[
            line("heard", 10),
            line("contradiction", 20, "WARN"),
            line("failed", 30, "ERROR"),
            event("2026-01-31T12:00:01.000Z 5a9a0001-0000-4000-8000-000000000001 Task timed out after 10.00 seconds"),
        ]
    )
    assert len(run("--level", level).stdout.splitlines()) == shown


def test_only_one_service_with_all_its_functions(logged: Any) -> None:
    logged(order=[line("a", 1)], order_http=[line("b", 2)], payment=[line("c", 3)])
    assert [shown.split()[1] for shown in run("--service", "order").stdout.splitlines()] == ["order", "order-http"]
    ran = run("--service", "ordr")
    assert (ran.exit_code, ran.stderr) == (1, "error: Nothing logs as ordr. Choose from order, order-http, payment.\n")


def test_following_shows_each_line_once_also_those_that_come_late(logged: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    found = logged(payment=[line("first", 30)])
    later = iter([[line("second", 40), line("late", 20)], [line("third", 50)]])

    def sleep(_: float) -> None:
        try:
            found.groups["/aws/lambda/saga-payment"] += next(later)
        except StopIteration:
            raise KeyboardInterrupt from None

    monkeypatch.setattr(time, "sleep", sleep)
    monkeypatch.setattr(logs, "_LATE", timedelta(days=366))
    ran = run("-f")
    assert ran.exit_code == 0
    assert [shown.split()[2] for shown in ran.stdout.splitlines()] == ["first", "late", "second", "third"]


def test_programs_get_the_records(logged: Any) -> None:
    logged(payment=[line("heard", 10, **HEARD)])
    record = json.loads(run("--json").stdout)
    assert (record["at"], record["service"], record["told"]) == ("2026-01-31T12:00:00.010Z", "payment", "PaymentOK")


def test_another_stack_s_functions_are_not_shown_though_its_name_begins_alike(logged: Any) -> None:
    logged(payment=[line("ours", 10)], two_payment=[line("theirs", 20)])
    assert [shown.split()[1:] for shown in run().stdout.splitlines()] == [["payment", "ours"]]
