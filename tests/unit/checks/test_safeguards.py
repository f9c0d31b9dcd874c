"""What protects data, taken away line by line: the checks say so."""

import pytest

from sagactl.checks import safeguards

from .test_checks import change_template

# fmt: off
MISTAKES = {
    # what: before, after, and what is said
    "a table that goes with the stack": (
        "  OrderTable:\n    Type: AWS::DynamoDB::Table\n    DeletionPolicy: Retain",
        "  OrderTable:\n    Type: AWS::DynamoDB::Table\n    DeletionPolicy: Delete",
        "OrderTable would go with the stack",
    ),
    "a table without backups": (
        "PointInTimeRecoveryEnabled: true", "PointInTimeRecoveryEnabled: false",
        "OrderTable should have PointInTimeRecoverySpecification",
    ),
    "an account's setting that is deleted": (
        "    Condition: CreatesApiLogsRole\n    DeletionPolicy: Retain", "    Condition: CreatesApiLogsRole",
        "ApiAccount would go with the stack",
    ),
    "a role for logs without its setting": (
        "    Condition: CreatesApiLogsRole\n", "", "ApiAccount and its ApiLogsAccountRole need the same Condition",
    ),
    "a queue that is not encrypted": (
        "SqsManagedSseEnabled: true", "SqsManagedSseEnabled: false", "DeadLetterQueue should be encrypted",
    ),
    "a queue without a policy": (
        "Queues: [!Ref JournalQueue]", "Queues: [!Ref DeadLetterQueue]", "JournalQueue has no policy of its own",
    ),
    "a queue that takes plain HTTP": (
        'aws:SecureTransport: "false"', 'aws:SecureTransport: "true"', "DeadLetterQueue should take nothing",
    ),
    "a queue that takes from other accounts": (
        "StringEquals: {aws:SourceAccount: !Ref AWS::AccountId}", "StringEquals: {}",
        "DeadLetterQueue: only EventBridge, and only from this account",
    ),
    "a policy in the old language": (
        '          Version: "2012-10-17"\n', "", "OrderRole has a policy in the language of 2008",
    ),
    "a role for anybody": (
        "Principal: {Service: lambda.amazonaws.com}", 'Principal: "*"', "OrderRole should be assumed by lambda",
    ),
    "an API that takes any number of requests": (
        "ThrottlingRateLimit: !Ref ApiRateLimit", "ThrottlingRateLimit: 0", "Api should throttle every method",
    ),
    "an API of two stages": ("OpenApiVersion: 3.0.1", "OpenApiVersion: 2.0", "Globals: without"),
    "an API that callers can't call": ("InvokeRole: NONE", "InvokeRole: CALLER_CREDENTIALS", "Api would need callers"),
    "requests that are not logged": (
        "DestinationArn: !GetAtt ApiLogs.Arn", "DestinationArn: !GetAtt OrderLogs.Arn", "Api should log each request",
    ),
    "an API before its account's setting": ("    DependsOn: ApiAccount ", "    # ", "Api has access logs"),
    "logs that are kept for ever": (
        "      RetentionInDays: !Ref LogRetentionDays\n", "", "DiscardedLogs should be kept as long as the others",
    ),
    "a key of another type": (
        "AttributeName: dueAt, AttributeType: S", "AttributeName: dueAt, AttributeType: N", "OrderTable has dueAt as N",
    ),
    "an index of nothing": (
        "{ProjectionType: INCLUDE, NonKeyAttributes: [openedAt]}", "{NonKeyAttributes: [openedAt]}",
        "OrderTable has an index due whose Projection DynamoDB refuses",
    ),
    "an index of unnamed fields": (
        "Projection: {ProjectionType: ALL}", "Projection: {ProjectionType: INCLUDE}",
        "JournalTable has an index orders whose Projection DynamoDB refuses",
    ),
    "logs under any name": (
        "LogGroupName: !Sub /saga/${AWS::StackName}/discarded", "LogGroupName: discarded", "DiscardedLogs needs a name",
    ),
    "logs in two forms": ("LogFormat: JSON", "LogFormat: Text", "Globals: Lambda's own lines"),
    "logs under another name": (
        "LogGroupName: !Sub /aws/lambda/${AWS::StackName}-payment", "LogGroupName: payment",
        "PaymentFunction should log to /aws/lambda/${AWS::StackName}-payment",
    ),
}
# fmt: on


@pytest.mark.parametrize(("old", "new", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_safeguard_that_is_missing(old: str, new: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    change_template(monkeypatch, {old: new})
    assert any(problem.startswith(message) for problem in safeguards.problems())


def test_all_is_well() -> None:
    assert list(safeguards.problems()) == []
