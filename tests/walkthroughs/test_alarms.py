"""LocalStack's CloudWatch raises the alarms that watch a single metric; it knows no queries over several.

It evaluates an alarm as soon as it is put, so each is put again, as it is, once its metric has its data.
"""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.driver import deployed

from sagactl.stack.deployed_stack import Stack

RAISED_SECONDS = 200  # a queue's depth becomes a metric, and is then looked at, once a minute each
TOLD: tuple[str, ...] = (
    "AlarmName",
    "AlarmDescription",
    "Namespace",
    "MetricName",
    "Dimensions",
    "Statistic",
    "Period",
)
TOLD += ("EvaluationPeriods", "ComparisonOperator", "Threshold", "TreatMissingData", "AlarmActions", "OKActions")


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with deployed() as stack:
        yield stack


def alarms(stack: Stack) -> list[dict[str, Any]]:
    """Those on one metric."""
    found = stack.client("cloudwatch").describe_alarms()["MetricAlarms"]
    return [alarm for alarm in found if "MetricName" in alarm]


def test_none_goes_off_on_a_fresh_stack_and_each_by_its_metric(stack: Stack) -> None:
    assert len(alarms(stack)) > 10
    for alarm in alarms(stack):
        evaluate(stack, alarm)
    assert [alarm["AlarmName"] for alarm in alarms(stack) if alarm["StateValue"] == "ALARM"] == []

    watched = [alarm for alarm in alarms(stack) if alarm["ComparisonOperator"] == "GreaterThanThreshold"]
    for alarm in watched:
        if alarm["MetricName"] == "ApproximateNumberOfMessagesVisible":
            send_to(stack, alarm["Dimensions"][0]["Value"])
        else:
            put(stack, alarm)
        evaluate(stack, alarm)
    expected = {alarm["AlarmName"] for alarm in watched}
    deadline = time.monotonic() + RAISED_SECONDS
    while expected - raised(stack) and time.monotonic() < deadline:
        time.sleep(1)
    assert expected - raised(stack) == set()


def raised(stack: Stack) -> set[str]:
    return {alarm["AlarmName"] for alarm in alarms(stack) if alarm["StateValue"] == "ALARM"}


def evaluate(stack: Stack, alarm: dict[str, Any]) -> None:
    stack.client("cloudwatch").put_metric_alarm(**{name: alarm[name] for name in TOLD if name in alarm})


def put(stack: Stack, alarm: dict[str, Any]) -> None:
    """Gives the metric a value beyond the threshold in each evaluated period."""
    now = datetime.now(UTC)
    for period in range(alarm["EvaluationPeriods"] + 1):
        data = {
            "MetricName": alarm["MetricName"],
            "Dimensions": alarm["Dimensions"],
            "Value": alarm["Threshold"] + 1,
            "Timestamp": now - timedelta(seconds=alarm["Period"] * period + 1),
        }
        stack.client("cloudwatch").put_metric_data(Namespace=alarm["Namespace"], MetricData=[data])


def send_to(stack: Stack, queue: str) -> None:
    url = stack.client("sqs").get_queue_url(QueueName=queue)["QueueUrl"]
    stack.client("sqs").send_message(QueueUrl=url, MessageBody=json.dumps("a dead letter"))
