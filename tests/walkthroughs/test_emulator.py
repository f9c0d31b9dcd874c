"""What LocalStack does not do as AWS does: the rows of a table in docs/tools.md, each shown.

A test that fails here is good news: LocalStack can do it now. Delete the row, and test the real thing.
"""

import json
import re
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from support.driver import eventually
from support.ports import free_port

from sagactl.local import localstack
from sagactl.paths import PROJECT
from sagactl.stack import aws

EVENT = {"EventBusName": "bus", "Source": "saga.test", "DetailType": "Tested", "Detail": "{}"}
PATTERN = json.dumps({"source": ["saga.test"]})
NO_FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:gone"
WAITED_SECONDS = 5  # for what must not happen

ROWS = {
    # the row in docs/tools.md, and the test that shows it
    "A rule target's `RetryPolicy` and `DeadLetterConfig`": "test_an_event_whose_target_is_gone_is_lost",
    "A disabled rule": "test_a_disabled_rule_fires",
    "Limits of a parameter, such as `AllowedPattern`": "test_cloudformation_takes_any_value_of_a_parameter",
    "`StartReplay`": "test_a_replay_fails",
    "`AWS::Events::Archive` in CloudFormation": "test_cloudformation_makes_no_archive",
    "Metrics in log lines (EMF)": "test_a_metric_in_a_log_line_is_none",
    "Alarms on a Metrics Insights query": "test_an_alarm_on_a_query_has_no_data",
    "`AWS_IAM` and permissions": "test_an_unsigned_call_is_served",
}


@pytest.fixture(scope="module")
def where() -> Iterator[aws.Target]:
    with localstack.running(free_port()) as endpoint:
        yield aws.Target(endpoint)


@pytest.fixture(scope="module")
def bus(where: aws.Target) -> str:
    return str(where.client("events").create_event_bus(Name="bus")["EventBusArn"])


def queue(where: aws.Target, name: str) -> tuple[str, str]:
    """Makes a queue; returns its URL and ARN."""
    sqs = where.client("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def received(where: aws.Target, url: str) -> list[Any]:
    messages: list[Any] = where.client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages", [])
    return messages


def test_the_table_has_these_rows() -> None:
    page = (PROJECT / "docs/tools.md").read_text()
    table = page[page.index("## What LocalStack does not do") :]
    assert re.findall(r"^\| ([^|]+) \|.*\|$", table, re.MULTILINE)[1:] == list(ROWS)
    assert {*ROWS.values()} == {name for name in globals() if name.startswith("test_")} - {
        "test_the_table_has_these_rows"
    }


@pytest.mark.usefixtures("bus")
def test_an_event_whose_target_is_gone_is_lost(where: aws.Target) -> None:
    events = where.client("events")
    url, arn = queue(where, "dead-letters")
    events.put_rule(Name="gone", EventBusName="bus", EventPattern=PATTERN)
    target = {"Id": "gone", "Arn": NO_FUNCTION, "DeadLetterConfig": {"Arn": arn}}
    events.put_targets(Rule="gone", EventBusName="bus", Targets=[target | {"RetryPolicy": {"MaximumRetryAttempts": 0}}])
    assert events.put_events(Entries=[EVENT])["FailedEntryCount"] == 0
    time.sleep(WAITED_SECONDS)
    assert received(where, url) == []


@pytest.mark.usefixtures("bus")
def test_a_disabled_rule_fires(where: aws.Target) -> None:
    events = where.client("events")
    url, arn = queue(where, "heard")
    events.put_rule(Name="disabled", EventBusName="bus", EventPattern=PATTERN, State="DISABLED")
    events.put_targets(Rule="disabled", EventBusName="bus", Targets=[{"Id": "heard", "Arn": arn}])
    assert events.describe_rule(Name="disabled", EventBusName="bus")["State"] == "DISABLED"
    events.put_events(Entries=[EVENT])
    assert eventually(lambda: received(where, url), "an event")


def test_a_replay_fails(where: aws.Target, bus: str) -> None:
    events = where.client("events")
    archive = events.create_archive(ArchiveName="archive", EventSourceArn=bus)["ArchiveArn"]
    events.put_events(Entries=[EVENT])
    eventually(lambda: events.describe_archive(ArchiveName="archive")["EventCount"], "an event in the archive")
    period = {"EventStartTime": time.time() - 60, "EventEndTime": time.time() + 60}
    with pytest.raises(ClientError):  # 500, or after boto3's own retry that the replay exists
        events.start_replay(ReplayName="again", EventSourceArn=archive, Destination={"Arn": bus}, **period)
    assert events.describe_replay(ReplayName="again")["State"] != "COMPLETED"


def test_cloudformation_makes_no_archive(where: aws.Target, bus: str) -> None:
    archive = {"Type": "AWS::Events::Archive", "Properties": {"ArchiveName": "formed", "SourceArn": bus}}
    cloudformation = where.client("cloudformation")
    cloudformation.create_stack(StackName="archive", TemplateBody=json.dumps({"Resources": {"Archive": archive}}))
    eventually(
        lambda: (
            not cloudformation.describe_stacks(StackName="archive")["Stacks"][0]["StackStatus"].endswith("PROGRESS")
        ),
        "an end of the deployment",
    )
    assert "formed" not in [one["ArchiveName"] for one in where.client("events").list_archives()["Archives"]]


def test_cloudformation_takes_any_value_of_a_parameter(where: aws.Target) -> None:
    limits: dict[str, Any] = {"pattern": {"AllowedPattern": "a"}, "values": {"AllowedValues": ["a"]}}
    template = {
        "Parameters": {name: {"Type": "String", "Default": "a", **limit} for name, limit in limits.items()},
        "Resources": {"Queue": {"Type": "AWS::SQS::Queue"}},
    }
    cloudformation = where.client("cloudformation")
    cloudformation.create_stack(
        StackName="limits",
        TemplateBody=json.dumps(template),
        Parameters=[{"ParameterKey": name, "ParameterValue": "b"} for name in limits],
    )
    cloudformation.get_waiter("stack_create_complete").wait(StackName="limits", WaiterConfig={"Delay": 1})


def test_a_metric_in_a_log_line_is_none(where: aws.Target) -> None:
    logs = where.client("logs")
    place = {"logGroupName": "/aws/lambda/embedded", "logStreamName": "one"}
    logs.create_log_group(logGroupName=place["logGroupName"])
    logs.create_log_stream(**place)
    metric = {"Namespace": "embedded", "Dimensions": [["service"]], "Metrics": [{"Name": "Loops", "Unit": "Count"}]}
    now_ms = round(time.time() * 1000)
    line = {"_aws": {"Timestamp": now_ms, "CloudWatchMetrics": [metric]}, "service": "order", "Loops": [1.0]}
    logs.put_log_events(**place, logEvents=[{"timestamp": now_ms, "message": json.dumps(line)}])
    time.sleep(WAITED_SECONDS)
    assert where.client("cloudwatch").list_metrics(Namespace="embedded")["Metrics"] == []


def test_an_alarm_on_a_query_has_no_data(where: aws.Target) -> None:
    cloudwatch = where.client("cloudwatch")
    cloudwatch.put_metric_data(
        Namespace="queried",
        MetricData=[{"MetricName": "Loops", "Dimensions": [{"Name": "service", "Value": "order"}], "Value": 1}],
    )
    query = {"Id": "loops", "Expression": 'SELECT SUM(Loops) FROM SCHEMA("queried", service)', "Period": 60}
    cloudwatch.put_metric_alarm(
        AlarmName="queried",
        Metrics=[query | {"ReturnData": True}],
        EvaluationPeriods=1,
        ComparisonOperator="GreaterThanThreshold",
        Threshold=0,
    )
    time.sleep(WAITED_SECONDS)
    [alarm] = cloudwatch.describe_alarms(AlarmNames=["queried"])["MetricAlarms"]
    assert alarm["StateValue"] == "INSUFFICIENT_DATA"


def test_an_unsigned_call_is_served(where: aws.Target) -> None:
    api = where.client("apigateway")
    api_id = api.create_rest_api(name="signed")["id"]
    root = {
        "restApiId": api_id,
        "resourceId": api.get_resources(restApiId=api_id)["items"][0]["id"],
        "httpMethod": "GET",
    }
    api.put_method(**root, authorizationType="AWS_IAM")
    api.put_integration(**root, type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'})
    api.put_method_response(**root, statusCode="200")
    api.put_integration_response(**root, statusCode="200")
    api.create_deployment(restApiId=api_id, stageName="v1")
    with urllib.request.urlopen(f"{where.endpoint_url}/_aws/execute-api/{api_id}/v1/") as answer:  # noqa: S310  # it is LocalStack here
        assert answer.status == 200
