"""Every alarm of the template: it goes off where it should, and at nothing else.

CloudWatch's rules are computed here, because an emulator knows them for alarms on one metric only.
"""

import json
import re
from collections.abc import Sequence
from typing import Any

import pytest
import yaml

from saga.observe import count
from sagactl.checks import alarms, limits
from sagactl.design import template
from sagactl.design.template import text
from sagactl.local.functions import environment
from sagactl.paths import PROJECT

from .test_checks import change_template

type Series = Sequence[float | None]  # a value for each period, the newest last; None where there is no data

PARAMETERS = {f"${{{name}}}": each["Default"] for name, each in template.TEMPLATE["Parameters"].items()}
ALARMS = alarms.alarms()
SILENT: Series = [None] * 20

# What each alarm is for, as its metric has it; a part of the name stands for all alarms that end so.
GOES_OFF: dict[str, Series] = {
    "DeadLettersAlarm": [0, 0, 1],
    "JournalDeadLettersAlarm": [0, 0, 1],
    "JournalBehindAlarm": [0, 300, 601, 660, 720],
    "LoopAlarm": [None, None, 1],
    "ContradictionsAlarm": [None, None, 1],
    "OldestOpenOrderAlarm": [900, 1201, 1261, 1321],
    "ApiErrorsAlarm": [None, None, None, 1],  # sparse traffic: one call, and it fails
    "FailuresLostAlarm": [None, None, 1],
    "UndeliveredAlarm": [None, None, 1],
}
STAYS: dict[str, Series] = {
    "DeadLettersAlarm": [0, 0, 0],
    "JournalDeadLettersAlarm": [0, 0, 0],
    "JournalBehindAlarm": [601, 700, 600, 600, 600],  # it caught up, and stays no more than ten minutes behind
    "LoopAlarm": SILENT,
    "ContradictionsAlarm": SILENT,
    "OldestOpenOrderAlarm": [0, 1300, 300, 0, 0],
    "WatchdogSilentAlarm": [2, 2, None, 2, 2, 2],  # a late datapoint; saga expire invokes it, too
    "ApiErrorsAlarm": [0, 0, None, 0],
    "FailuresLostAlarm": SILENT,
    "UndeliveredAlarm": SILENT,
}
WHEN_DATA_STOPS = ["OldestOpenOrderAlarm", "WatchdogSilentAlarm"]


def state(alarm: dict[str, Any], series: Series, before: str = "INSUFFICIENT_DATA") -> str:
    """The state after this series. Where the evaluated periods lack data, data from before counts, if there is any."""
    periods = alarm["EvaluationPeriods"]
    treated = alarm["TreatMissingData"]
    evaluated = list(series[-periods - 2 :])  # CloudWatch looks back a little further
    known = [value for value in evaluated if value is not None]
    if not known:
        return {"missing": "INSUFFICIENT_DATA", "breaching": "ALARM", "notBreaching": "OK", "ignore": before}[treated]
    if treated in ("missing", "ignore"):
        return _threshold(alarm, known[-periods:], periods)
    return _threshold(alarm, list(series[-periods:]), periods)


def _threshold(alarm: dict[str, Any], values: Series, periods: int) -> str:
    limit = float(PARAMETERS.get(text(alarm["Threshold"]), text(alarm["Threshold"])))
    below = alarm["ComparisonOperator"] == "LessThanThreshold"
    missing = alarm["TreatMissingData"] == "breaching"
    breaching = [missing if value is None else (value < limit if below else value > limit) for value in values]
    if sum(breaching) >= alarm.get("DatapointsToAlarm", periods):
        return "ALARM"
    return "OK"


def of(name: str, table: dict[str, Any]) -> Any:
    if name in table:
        return table[name]
    return next(value for ending, value in table.items() if name.endswith(ending))


@pytest.mark.parametrize("name", [name for name in ALARMS if name != "WatchdogSilentAlarm"])
def test_it_goes_off(name: str) -> None:
    assert state(ALARMS[name], of(name, GOES_OFF), "OK") == "ALARM"


@pytest.mark.parametrize("name", WHEN_DATA_STOPS)
def test_it_notifies_when_its_data_stops(name: str) -> None:
    alarm = ALARMS[name]
    assert state(alarm, [1, 1, 1, *SILENT], "OK") == "INSUFFICIENT_DATA"
    assert alarm["InsufficientDataActions"] == alarm["AlarmActions"]


@pytest.mark.parametrize("name", ["DeadLettersAlarm", "JournalDeadLettersAlarm", "JournalBehindAlarm"])
def test_a_queue_that_reports_no_more_is_not_empty_therefore(name: str) -> None:
    assert state(ALARMS[name], [*of(name, GOES_OFF), *SILENT], "ALARM") == "ALARM"


@pytest.mark.parametrize("name", ALARMS)
def test_it_stays_quiet(name: str) -> None:
    assert state(ALARMS[name], of(name, STAYS), "OK") == "OK"


@pytest.mark.parametrize("name", ALARMS)
def test_it_does_not_go_off_on_a_stack_that_was_just_deployed(name: str) -> None:
    """A new alarm begins with INSUFFICIENT_DATA: only another state notifies, and OK is no alarm."""
    assert state(ALARMS[name], SILENT) in ("OK", "INSUFFICIENT_DATA")


def test_a_metric_that_a_function_writes_is_the_one_that_its_alarm_watches(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Namespace, name and dimension, from what Powertools prints for CloudWatch."""
    alarm = ALARMS["OldestOpenOrderAlarm"]
    for name, value in environment("order.watchdog").items():
        monkeypatch.setenv(name, value)
    count(alarm["MetricName"], 7)
    line = json.loads(capsys.readouterr().out)
    [definition] = line["_aws"]["CloudWatchMetrics"]
    assert definition["Namespace"] == alarm["Namespace"]["Ref"]
    assert definition["Dimensions"] == [[one["Name"] for one in alarm["Dimensions"]]]
    assert line["service"] == alarm["Dimensions"][0]["Value"]


@pytest.mark.parametrize("name", ["LoopAlarm", "ContradictionsAlarm"])
def test_a_query_sums_what_every_service_writes(name: str) -> None:
    [metric] = ALARMS[name]["Metrics"]
    found = re.search(r"SUM\((\w+)\) FROM SCHEMA\(\"(.+)\", (\w+)\)", text(metric["Expression"]))
    assert found
    services = {service for counted, service in alarms.written() if counted == found[1]}
    assert {"order", "payment", "inventory", "shipping"} <= services
    assert (found[2], found[3]) == ("${AWS::StackName}", "service")


def test_the_documentation_says_what_to_do_at_each_alarm() -> None:
    page = (PROJECT / "docs/aws.md").read_text()
    rows = re.findall(r"^\| `(?:…)?(\w+Alarm)` \|", page, re.MULTILINE)
    assert all(any(name.endswith(row) for row in rows) for name in ALARMS)
    assert all(any(name.endswith(row) for name in ALARMS) for row in rows)


# -- the checks, on a template that is wrong

ALARM_MISTAKES = {
    # what: before, after, and what is said
    "a metric that no function counts": (
        "MetricName: OldestOpenSeconds", "MetricName: OldestOrderSeconds",
        "OldestOpenOrderAlarm watches OldestOrderSeconds of {'service': 'order-watchdog'}, which no function counts",
    ),
    "another service's metric": (
        "{Name: service, Value: order-watchdog}", "{Name: service, Value: order}",
        "OldestOpenOrderAlarm watches OldestOpenSeconds of {'service': 'order'}, which no function counts",
    ),
    "a namespace of nobody": (
        "SUM(Loops) FROM SCHEMA(\"${AWS::StackName}\"", "SUM(Loops) FROM SCHEMA(\"Saga\"",
        "LoopAlarm sums what no function counts: SELECT SUM(Loops)",
    ),
    "a dimension that AWS does not write": (
        "{Name: ApiName, Value: !Ref AWS::StackName}", "{Name: ApiId, Value: !Ref Api}",
        "ApiErrorsAlarm watches AWS/ApiGateway 5XXError by ApiId, Stage",
    ),
    "another's queue": (
        "{Name: QueueName, Value: !GetAtt JournalDeadLetterQueue.QueueName}",
        "{Name: QueueName, Value: !GetAtt JournalQueue.QueueName}",
        "The dead-letter queue JournalDeadLetterQueue needs an alarm",
    ),
    "an alarm before there is data": (
        "      TreatMissingData: missing", "      TreatMissingData: breaching",
        "OldestOpenOrderAlarm goes off before there is any data",
    ),
    "the average of a backlog": (
        "Statistic: Maximum", "Statistic: Average",
        "DeadLettersAlarm looks at the Average of ApproximateNumberOfMessagesVisible",
    ),
    "an alarm after an hour": (
        "EvaluationPeriods: 3", "EvaluationPeriods: 60", "JournalBehindAlarm should go off within 300 s",
    ),
    "a period that CloudWatch does not know": (
        "Period: 60", "Period: 90", "DeadLettersAlarm has a Period of 90 s",
    ),
    "a query of which nothing is looked at": (
        "ReturnData: true", "ReturnData: false", "LoopAlarm looks at nothing",
    ),
    "an alarm that notifies only where there is no topic": (
        "!If [HasAlarmTopic, [!Ref AlarmTopicArn], !Ref AWS::NoValue]",
        "!If [HasAlarmTopic, !Ref AWS::NoValue, [!Ref AlarmTopicArn]]", "DeadLettersAlarm notifies nobody",
    ),
    "an alarm that is off": (
        "TreatMissingData: ignore", "TreatMissingData: ignore\n      ActionsEnabled: false",
        "DeadLettersAlarm notifies nobody",
    ),
    "a function that counts under another's name": (
        "POWERTOOLS_SERVICE_NAME: payment", "POWERTOOLS_SERVICE_NAME: shipping",
        "PaymentFunction should count as payment",
    ),
    "metrics of no stack": (
        "POWERTOOLS_METRICS_NAMESPACE: !Ref AWS::StackName", "POWERTOOLS_METRICS_NAMESPACE: Saga",
        "OrderFunction should count under the stack's name",
    ),
    "a text that says nothing": (
        "Orders can't be placed, or their status read. Look at the log of the order-http function.", "Broken",
        "ApiErrorsAlarm has to say what to do",
    ),
}  # fmt: skip
LIMIT_MISTAKES = {
    "a time-out beyond a sixth of the visibility time-out": (
        "\n    Timeout: 15", "\n    Timeout: 16", "JournalQueue: VisibilityTimeout is 91, and JournalFunction needs 97",
    ),
    "a queue that gives up in an outage": (
        "maxReceiveCount: 65", "maxReceiveCount: 5", "JournalQueue: gives up after 455 s",
    ),
    "dead letters that go early": (
        "MessageRetentionPeriod: 1209600", "MessageRetentionPeriod: 86400", "DeadLetterQueue should keep messages",
    ),
    "a rule that gives up in an outage": (
        "MaximumEventAgeInSeconds: 3600}", "MaximumEventAgeInSeconds: 300}", "OrderFunction.Hears: EventBridge should",
    ),
    "a watchdog that sleeps": (
        "rate(1 minute)", "rate(5 minutes)", "OrderWatchdogFunction should run every minute",
    ),
    "a backlog that takes all": (
        "{MaximumConcurrency: 5}", "{MaximumConcurrency: 0}", "JournalFunction: a backlog takes all the concurrency",
    ),
    "one failure that fails a batch": (
        "FunctionResponseTypes: [ReportBatchItemFailures]", "FunctionResponseTypes: []",
        "JournalFunction: one failure brings the whole batch back",
    ),
    "a rule that does not retry": (
        "RetryPolicy: *retries", "RetryPolicy: {MaximumRetryAttempts: 0, MaximumEventAgeInSeconds: 3600}",
        "OrderFunction.Hears: EventBridge should retry",
    ),
    "a deadline before the last attempt": (
        'Default: "300"', 'Default: "100"',
        "DeadlineSeconds: an event may be handled in the last attempt, after 225 s",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "message"), ALARM_MISTAKES.values(), ids=ALARM_MISTAKES)
def test_an_alarm_that_would_not_work(old: str, new: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    change_template(monkeypatch, {old: new})
    assert any(problem.startswith(message) for problem in alarms.problems())


@pytest.mark.parametrize(("old", "new", "message"), LIMIT_MISTAKES.values(), ids=LIMIT_MISTAKES)
def test_limits_that_do_not_fit(old: str, new: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    change_template(monkeypatch, {old: new})
    assert any(problem.startswith(message) for problem in limits.problems())


@pytest.mark.parametrize("name", ALARMS)
def test_without_it_there_is_a_hole(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    left = yaml.safe_load(json.dumps(template.TEMPLATE))
    del left["Resources"][name]
    monkeypatch.setattr(template, "TEMPLATE", left)
    assert len(list(alarms.holes())) == 1


def test_all_is_well() -> None:
    assert [*alarms.problems(), *limits.problems()] == []
