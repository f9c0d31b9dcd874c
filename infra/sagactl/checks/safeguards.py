"""What protects data and the API: it survives the stack, can be restored, is encrypted, and is for whom it concerns."""

from collections.abc import Iterator
from typing import Any

from sagactl.design import template
from sagactl.design.template import listed, logical_id, resources, text

STACK = "${AWS::StackName}"
VERSION = "2012-10-17"  # of the policy language; without it, IAM reads the one of 2008
KEPT = ("DeletionPolicy", "UpdateReplacePolicy")
TABLE = {
    "BillingMode": "PAY_PER_REQUEST",
    "DeletionProtectionEnabled": {"Ref": "DeletionProtection"},
    "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
    "SSESpecification": {"SSEEnabled": True},
}
ALLOWED = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}}
ONLY_HERE = {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
NUMBERS = {"openShard"}  # of the attributes that are keys
API = {"OpenApiVersion": "3.0.1", "EndpointConfiguration": {"Type": "REGIONAL"}}
THROTTLED = {
    "ResourcePath": "/*",
    "HttpMethod": "*",
    "ThrottlingRateLimit": {"Ref": "ApiRateLimit"},
    "ThrottlingBurstLimit": {"Ref": "ApiBurstLimit"},
}
DENIED = {
    "Sid": "EncryptedTransportOnly",
    "Effect": "Deny",
    "Principal": "*",
    "Action": "sqs:*",
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}


def problems() -> Iterator[str]:
    yield from kept()
    yield from tables()
    yield from queues()
    yield from policies()
    yield from trust()
    yield from logs()
    yield from api()


def kept() -> Iterator[str]:
    """What can't be made again, or belongs to the whole account, survives the deletion of the stack."""
    for name, resource in template.TEMPLATE["Resources"].items():
        is_lasting = resource["Type"] in ("AWS::DynamoDB::Table", "AWS::ApiGateway::Account")
        for key in KEPT:
            if is_lasting and resource.get(key) != "Retain":
                yield f"{name} would go with the stack, or with a change that replaces it:\n    {key}: Retain"
    setting = template.TEMPLATE["Resources"].get("ApiAccount", {})
    role = template.TEMPLATE["Resources"].get("ApiLogsAccountRole", {})
    for key in ("Condition", *KEPT):
        if setting.get(key) != role.get(key):
            yield f"ApiAccount and its ApiLogsAccountRole need the same {key}"


def tables() -> Iterator[str]:
    for name, table in resources("AWS::DynamoDB::Table").items():
        for key, wanted in TABLE.items():
            if table.get(key) != wanted:
                yield f"{name} should have {key} {wanted}"
        for attribute in table["AttributeDefinitions"]:
            one = attribute["If"][1] if "If" in attribute else attribute
            wanted_type = "N" if one["AttributeName"] in NUMBERS else "S"
            if one["AttributeType"] != wanted_type:
                yield f"{name} has {one['AttributeName']} as {one['AttributeType']}; items have it as {wanted_type}"
        for index in table.get("GlobalSecondaryIndexes", []):
            one = index["If"][1] if "If" in index else index
            kind = one["Projection"].get("ProjectionType")
            if kind is None or (kind == "INCLUDE") != ("NonKeyAttributes" in one["Projection"]):
                yield f"{name} has an index {one['IndexName']} whose Projection DynamoDB refuses"


def queues() -> Iterator[str]:
    """A queue takes what rules of this account send, over TLS, and keeps it encrypted."""
    policed: dict[str, dict[str, Any]] = {}
    for named in _queue_policies():
        for queue in named["Queues"]:
            policed[text(queue)] = named
    for name, queue in resources("AWS::SQS::Queue").items():
        if queue.get("SqsManagedSseEnabled") is not True:
            yield f"{name} should be encrypted:\n    SqsManagedSseEnabled: true"
        policy = policed.get(f"${{{name}}}")
        if policy is None:
            yield f"{name} has no policy of its own"
            continue
        denied = [statement for statement in policy["PolicyDocument"]["Statement"] if statement["Effect"] == "Deny"]
        if denied != [DENIED | {"Resource": {"GetAtt": f"{name}.Arn"}}]:
            yield f"{name} should take nothing that is sent without TLS, as the other queues"


def _queue_policies() -> Iterator[dict[str, Any]]:
    yield from resources("AWS::SQS::QueuePolicy").values()


def policies() -> Iterator[str]:
    """Rules send to a queue in the name of this account; and every policy is in today's language."""
    for policy in _queue_policies():
        for statement in policy["PolicyDocument"]["Statement"]:
            if statement["Effect"] != "Allow":
                continue
            where = logical_id(text(statement["Resource"]))
            if statement | ALLOWED != statement or statement["Condition"].get("StringEquals") != ONLY_HERE:
                yield f"{where}: only EventBridge, and only from this account, may send to it: {ALLOWED}, {ONLY_HERE}"
    for name, document in documents():
        if document.get("Version") != VERSION:
            yield f'{name} has a policy in the language of 2008:\n    Version: "{VERSION}"'


def documents() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields every policy document, with the logical ID of its resource."""
    for name, role in resources("AWS::IAM::Role").items():
        yield name, role["AssumeRolePolicyDocument"]
        yield from ((name, policy["PolicyDocument"]) for policy in role.get("Policies", []))
    for name, policy in resources("AWS::SQS::QueuePolicy").items():
        yield name, policy["PolicyDocument"]


def trust() -> Iterator[str]:
    """A function's role is for Lambda, and the account's role for logs is for API Gateway."""
    of_functions = {function.role for function in template.functions()}
    for name, role in resources("AWS::IAM::Role").items():
        service = "lambda" if name in of_functions else "apigateway"
        wanted = {
            "Effect": "Allow",
            "Principal": {"Service": f"{service}.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
        if listed(role["AssumeRolePolicyDocument"]["Statement"]) != [wanted]:
            yield f"{name} should be assumed by {service}.amazonaws.com, and by nobody else"


def logs() -> Iterator[str]:
    """Each function writes to a group under the name where people look for it; groups are kept as long as is wished."""
    groups = resources("AWS::Logs::LogGroup")
    names = [text(group.get("LogGroupName")) for group in groups.values()]
    for name, group in groups.items():
        named = text(group.get("LogGroupName"))
        if STACK not in named or names.count(named) > 1:
            yield f"{name} needs a name of its own, with the stack's name in it: LogGroupName"
        if group.get("RetentionInDays") != {"Ref": "LogRetentionDays"}:
            yield f"{name} should be kept as long as the others:\n    RetentionInDays: !Ref LogRetentionDays"
    if template.TEMPLATE["Globals"]["Function"].get("LoggingConfig", {}).get("LogFormat") != "JSON":
        yield "Globals: Lambda's own lines should be as the functions' are:\n    LogFormat: JSON"
    for function in template.functions():
        group = groups[logical_id(text(function.properties["LoggingConfig"]["LogGroup"]))]
        wanted = f"/aws/lambda/{text(function.properties['FunctionName'])}"
        if text(group.get("LogGroupName")) != wanted:
            yield f"{function.name} should log to {wanted}"


def api() -> Iterator[str]:
    """The API has one stage, which serves so many requests and no more, and logs each to a group of its own."""
    shared = template.TEMPLATE["Globals"].get("Api")
    if shared != API:
        yield f"Globals: without {API}, SAM makes a second stage, or one at the edge"
    for name, own in resources("AWS::Serverless::Api").items():
        if own.get("MethodSettings") != [THROTTLED]:
            yield f"{name} should throttle every method: {THROTTLED}"
        if own["Auth"].get("InvokeRole") != "NONE":
            yield f"{name} would need callers who may invoke the function, too:\n    InvokeRole: NONE"
        group = logical_id(text(own.get("AccessLogSetting", {}).get("DestinationArn", "")))
        if text(resources("AWS::Logs::LogGroup").get(group, {}).get("LogGroupName")) != f"/aws/apigateway/{STACK}":
            yield f"{name} should log each request to /aws/apigateway/{STACK}"
        if template.TEMPLATE["Resources"][name].get("DependsOn") != "ApiAccount":
            yield f"{name} has access logs, which the account needs a role for first:\n    DependsOn: ApiAccount"
