"""infra/observability.yaml shows what there is: metrics that functions count, and fields of lines that they log."""

import json
import re
from typing import Any

import pytest
from support.given import a, envelope
from support.memory import MemoryBus, MemoryLedger
from support.output import Logged

from contracts.events import ShipmentFail
from contracts.values import CANCELLED
from order.reactions import Order
from payment.reactions import Payment, cancel
from saga.ledger import Conflict, Throttled
from saga.service import Service
from sagactl.checks import alarms
from sagactl.design.template import TEMPLATE, parsed
from sagactl.paths import PROJECT

RESOURCES = parsed((PROJECT / "infra/observability.yaml").read_text())["Resources"]
ORDER_STATUSES: tuple[Any, ...] = ("PENDING", "FAILING", "COMPLETED", "FAILED")
OF_AWS = {"ApproximateNumberOfMessagesVisible", "Duration"}
OF_LAMBDA = {"correlation_id", "type"}  # set by the decorator of a handler, and by Lambda itself
INSIGHTS = {
    "by",
    "and",
    "or",
    "in",
    "as",
    "fields",
    "filter",
    "stats",
    "sort",
    "desc",
    "limit",
    "source",
    "pct",
    "max",
} | {
    "count",
    "count_distinct",
    "latest",
    "bin",
    "m",
}


def widgets() -> list[dict[str, Any]]:
    body, variables = RESOURCES["Dashboard"]["Properties"]["DashboardBody"]["Sub"]
    separator, sources = variables["Functions"]["Join"]
    body = body.replace("${Functions}", separator.join(source["Sub"] for source in sources))
    shown: list[dict[str, Any]] = json.loads(body.replace("${Saga}", "saga"))["widgets"]
    return shown


def queries() -> list[str]:
    """Of the functions' logs; those of the bus are EventBridge's."""
    saved = [
        each["Properties"]["QueryString"]
        for name, each in RESOURCES.items()
        if each["Type"] == "AWS::Logs::QueryDefinition" and name != "NotDelivered"
    ]
    return saved + [each["properties"]["query"] for each in widgets() if each["type"] == "log"]


def milestones() -> set[str]:
    ends = [Order(status=status, reason=reason) for status in ORDER_STATUSES for reason in (None, CANCELLED)]
    return {end.milestone for end in ends if end.milestone}


def test_the_dashboard_shows_metrics_that_are_written() -> None:
    text = json.dumps([each for each in widgets() if each["type"] == "metric"])
    shown = {*re.findall(r'MetricName=\\*"(\w+)', text)}
    counted = {name for name, _ in alarms.written()} | {Conflict.metric, Throttled.metric} | milestones()
    assert shown - OF_AWS <= counted
    assert counted - shown == {"SagasStarted", "SagasExpired"}


def test_no_two_widgets_lie_over_each_other() -> None:
    covered = [
        (x, y)
        for each in widgets()
        for x in range(each["x"], each["x"] + each["width"])
        for y in range(each["y"], each["y"] + each["height"])
    ]
    assert len(covered) == len({*covered}) == 24 * 18


@pytest.mark.parametrize("query", queries())
def test_queries_name_fields_that_are_logged(logged: Logged, query: str) -> None:
    Service([cancel], MemoryLedger[Payment](), MemoryBus()).hear(envelope(a(ShipmentFail)))
    line = json.loads(logged()[-1])
    bare = re.sub(r"""(["']).*?\1|@\w+|record\.[\w.]+|#.*""", "", query)
    new = {*re.findall(r"\bas (\w+)", bare)}
    named = {*re.findall(r"[A-Za-z_]\w*", bare)}
    assert {name for name in named if name.lower() not in INSIGHTS} - new - OF_LAMBDA <= line.keys()


def test_queries_read_the_log_groups_of_the_functions() -> None:
    there = {
        each["Properties"]["LogGroupName"]["Sub"].replace("${AWS::StackName}", "${Saga}")
        for each in TEMPLATE["Resources"].values()
        if each["Type"] == "AWS::Logs::LogGroup" and "/aws/lambda/" in each["Properties"]["LogGroupName"]["Sub"]
    }
    for name, each in RESOURCES.items():
        groups = each["Properties"].get("LogGroupNames", [])
        if each["Type"] == "AWS::Logs::QueryDefinition" and name not in {"NotDelivered", "TimeToClose"}:
            assert {group["Sub"] for group in groups} == there, name
    [errors] = [each["properties"]["query"] for each in widgets() if each["properties"]["title"] == "Errors by cause"]
    assert {*re.findall(r"SOURCE '(.+?)'", errors)} == {group.replace("${Saga}", "saga") for group in there}
