"""Every alarm watches a metric that is really written, and every hole has an alarm."""

import itertools
import re
from collections.abc import Iterator
from typing import Any

from sagactl.design import template
from sagactl.design.template import Function, resources, text
from sagactl.paths import PROJECT

STACK = "${AWS::StackName}"
NOTIFY = "    AlarmActions: *notify\n    OKActions: *notify"
NOTIFIED = {"If": ["HasAlarmTopic", [{"Ref": "AlarmTopicArn"}], {"Ref": "AWS::NoValue"}]}
NOTIFY_MISSING = "    InsufficientDataActions: *notify"
MUST_ALARM = ("Loops", "Contradictions", "OldestOpenSeconds")  # of the metrics that the functions write

_COUNTED = re.compile(r'\bcount\("(\w+)"')
_SUMMED = re.compile(r'SELECT SUM\((\w+)\) FROM SCHEMA\("(.+)", service\)')

# What AWS itself writes, with the dimensions of each: other dimensions name a metric that nobody writes. What is
# counted is summed; of what is measured, such as an age, the highest value is looked at.
_OF_AWS = {
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"): ({"QueueName"}, "Maximum"),
    ("AWS/SQS", "ApproximateAgeOfOldestMessage"): ({"QueueName"}, "Maximum"),
    ("AWS/Events", "InvocationsFailedToBeSentToDlq"): ({"EventBusName", "RuleName"}, "Sum"),
    ("AWS/Events", "FailedInvocations"): ({"EventBusName", "RuleName"}, "Sum"),
    ("AWS/Lambda", "DestinationDeliveryFailures"): ({"FunctionName"}, "Sum"),
    ("AWS/Lambda", "Invocations"): ({"FunctionName"}, "Sum"),
    ("AWS/ApiGateway", "5XXError"): ({"ApiName", "Stage"}, "Sum"),
}
NOTICED_SECONDS_MAX = 300  # until a person is told


def problems() -> Iterator[str]:
    for name, alarm in alarms().items():
        found = (*_metric(alarm), *_periods(alarm), *_notification(alarm))
        yield from (f"{name} {problem}" for problem in found)
    for function in template.functions():
        if function.variables["POWERTOOLS_SERVICE_NAME"] != function.short_name:
            yield f"{function.name} should count as {function.short_name}: POWERTOOLS_SERVICE_NAME"
        if text(function.variables.get("POWERTOOLS_METRICS_NAMESPACE")) != STACK:
            yield f"{function.name} should count under the stack's name: POWERTOOLS_METRICS_NAMESPACE"
    yield from holes()


def alarms() -> dict[str, dict[str, Any]]:
    return resources("AWS::CloudWatch::Alarm")


def written() -> set[tuple[str, str]]:
    """Returns the metrics that the functions' code counts, each with the `service` that counts it."""
    found = set()
    for function in template.functions():
        service = function.variables["POWERTOOLS_SERVICE_NAME"]
        found |= {(name, service) for name in _counted_by(function)}
    return found


def _counted_by(function: Function) -> set[str]:
    own = PROJECT / "functions" / f"{function.module.replace('.', '/')}.py"
    counted = set(_COUNTED.findall(own.read_text()))
    if "Service(" in own.read_text():
        counted |= set(_COUNTED.findall((PROJECT / "functions/saga/service.py").read_text()))
    return counted


def _metric(alarm: dict[str, Any]) -> Iterator[str]:
    if "Metrics" in alarm:
        yield from _query(alarm["Metrics"])
        return
    dimensions = {one["Name"]: text(one["Value"]) for one in alarm["Dimensions"]}
    metric = (text(alarm["Namespace"]), alarm["MetricName"])
    if metric[0] == STACK:
        if (metric[1], dimensions.get("service")) not in written() or len(dimensions) != 1:
            yield f"watches {metric[1]} of {dimensions}, which no function counts"
        yield from _statistic(alarm, "Maximum")
        return
    written_by, statistic = _OF_AWS.get(metric, (set(), None))
    if written_by != dimensions.keys():
        yield f"watches {' '.join(metric)} by {', '.join(dimensions)}; AWS writes it by {', '.join(written_by)}"
        return
    yield from _statistic(alarm, statistic)
    for dimension, value in dimensions.items():
        if value not in _values(dimension):
            yield f"watches the {dimension} {value}, which this template does not have"


def _statistic(alarm: dict[str, Any], wanted: str | None) -> Iterator[str]:
    if alarm.get("Statistic") != wanted:
        yield f"looks at the {alarm.get('Statistic')} of {alarm['MetricName']}:\n    Statistic: {wanted}"


def _periods(alarm: dict[str, Any]) -> Iterator[str]:
    """CloudWatch knows periods of whole minutes; and whoever must act is told soon."""
    for metric in alarm.get("Metrics", [alarm]):
        period = metric["Period"]
        if period == 0 or period % 60:
            yield f"has a Period of {period} s, which is not of whole minutes"
        if not 0 < period * alarm["EvaluationPeriods"] <= NOTICED_SECONDS_MAX:
            yield f"should go off within {NOTICED_SECONDS_MAX} s: Period times EvaluationPeriods"


def _query(metrics: list[dict[str, Any]]) -> Iterator[str]:
    for metric in metrics:
        expression = text(metric["Expression"])
        found = _SUMMED.fullmatch(expression)
        if not found or found[2] != STACK or found[1] not in {name for name, _ in written()}:
            yield f"sums what no function counts: {expression}"
        if metric.get("ReturnData") is not True:
            yield "looks at nothing:\n    ReturnData: true"


def _values(dimension: str) -> set[str]:
    apis = resources("AWS::Serverless::Api").values()
    known = {
        "QueueName": {f"${{{queue}.QueueName}}" for queue in resources("AWS::SQS::Queue")},
        "FunctionName": {f"${{{function.name}}}" for function in template.functions()},
        "EventBusName": {rule.bus_name for rule in template.rules()},
        "RuleName": {rule.rule_name for rule in template.rules()},
        "ApiName": {text(api["Name"]) for api in apis},
        "Stage": {text(api["StageName"]) for api in apis},
    }
    return known[dimension]


def _notification(alarm: dict[str, Any]) -> Iterator[str]:
    """It says what to do and notifies, but not of a stack that was just deployed, of which there is no data yet."""
    if not any(mark in alarm["AlarmDescription"] for mark in (". ", ":")):
        yield "has to say what to do, too, in a second sentence of its AlarmDescription"
    notifies = alarm.get("AlarmActions") == alarm.get("OKActions") == NOTIFIED
    if not notifies or alarm.get("ActionsEnabled", True) is not True:
        yield f"notifies nobody:\n{NOTIFY}"
    if alarm["TreatMissingData"] == "breaching":
        yield f"goes off before there is any data:\n    TreatMissingData: missing\n{NOTIFY_MISSING}"
    if alarm["TreatMissingData"] == "missing" and alarm.get("InsufficientDataActions") != NOTIFIED:
        yield f"notifies nobody when its data stops:\n{NOTIFY_MISSING}"


def holes() -> Iterator[str]:
    """Whatever can be lost or stand still has an alarm."""
    watched = [
        (text(alarm.get("Namespace")), alarm.get("MetricName"), _dimensions(alarm)) for alarm in alarms().values()
    ]
    for metric, dimension, value, what in (*_wanted(), *_wanted_of_apis()):
        found = [one for one in watched if one[1] == metric and one[2].get(dimension) == value]
        if not found:
            yield f"{what} needs an alarm on {metric} with the {dimension} {value}"
    counted = {alarm.get("MetricName") for alarm in alarms().values()} | _summed()
    for name in MUST_ALARM:
        if name not in counted:
            yield f"{name}, which the functions count, needs an alarm"


def _dimensions(alarm: dict[str, Any]) -> dict[str, str]:
    return {one["Name"]: text(one["Value"]) for one in alarm.get("Dimensions", [])}


def _summed() -> set[str]:
    queries = itertools.chain.from_iterable(alarm.get("Metrics", []) for alarm in alarms().values())
    found = (_SUMMED.fullmatch(text(query["Expression"])) for query in queries)
    return {one[1] for one in found if one}


def _wanted() -> Iterator[tuple[str, str, str, str]]:
    """Yields metrics with a dimension and its value, and what they are needed for."""
    for queue in template.dead_letter_queues():
        yield (
            "ApproximateNumberOfMessagesVisible",
            "QueueName",
            f"${{{queue}.QueueName}}",
            f"The dead-letter queue {queue}",
        )
    for function in template.functions():
        for event in function.events.values():
            if event["Type"] == "SQS":
                queue = template.logical_id(text(event["Properties"]["Queue"]))
                yield (
                    "ApproximateAgeOfOldestMessage",
                    "QueueName",
                    f"${{{queue}.QueueName}}",
                    f"{queue}, which is polled,",
                )
            if event["Type"] == "Schedule":
                yield "Invocations", "FunctionName", f"${{{function.name}}}", f"The schedule of {function.name}"
    for rule in template.rules():
        if rule.is_schedule:
            continue
        if rule.function:
            yield "DestinationDeliveryFailures", "FunctionName", f"${{{rule.function.name}}}", rule.function.name
        lost = "FailedInvocations"
        if rule.dead_letters:
            lost = "InvocationsFailedToBeSentToDlq"
        yield lost, "RuleName", rule.rule_name, f"The rule {rule.name}"


def _wanted_of_apis() -> Iterator[tuple[str, str, str, str]]:
    for name, api in resources("AWS::Serverless::Api").items():
        yield "5XXError", "ApiName", text(api["Name"]), f"The API {name}"
