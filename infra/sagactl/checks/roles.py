"""Every role and every resource's policy grants what is used to those that use it, and nothing else.

tests/service/test_grants.py shows on the running code that each single grant is needed, and that all together suffice.
"""

from collections.abc import Iterator
from itertools import product
from typing import Any

from sagactl.checks import iam, rules
from sagactl.checks.iam import Call
from sagactl.checks.messages import difference, remedy
from sagactl.design import choreography, template, template_sections
from sagactl.design.template import Function, listed, logical_id, resources, text

BUS = "${Bus.Arn}"
ACCOUNT = "AWS::ApiGateway::Account"
# API Gateway checks for this one by name before it writes access logs.
MANAGED = ["arn:${AWS::Partition}:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"]


def problems() -> Iterator[str]:
    unknown = list(conditions())
    if unknown:
        yield from unknown
        return
    yield from wildcards()
    yield from managed()
    for function in template.functions():
        if function.role not in resources("AWS::IAM::Role"):
            yield f"{function.name} gets a role from SAM, which may do too much; give it one of its own:\n    Role: ..."
            continue
        yield from telling(function)
        yield from tables(function)
        yield from platform(function)
    yield from shared_roles()
    yield from queue_policies()
    yield from public_access()


def telling(function: Function) -> Iterator[str]:
    """The role may put on the bus exactly what the function's handler tells, of every event from every source."""
    told = choreography.told_by(choreography.wired_in(function.module))
    wanted = {(fact.source, fact.name) for fact in told}
    granted = iam.statements(function)
    found = {pair for pair in rules.EVERY if iam.allowed(granted, _put(*pair))}
    if found != wanted:
        yield (
            f"{function.role} doesn't allow exactly what {function.module} tells{difference(found, wanted)}\n"
            f"{remedy(template_sections.telling(function))}"
        )


def _put(source: str, name: str) -> Call:
    return Call("events:PutEvents", BUS, (("events:source", source), ("events:detail-type", name)))


def tables(function: Function) -> Iterator[str]:
    """A function is granted no table and no index but those that its environment names."""
    named = {text(value).replace("}", ".Arn}") for value in function.variables.values()}
    for call in _calls(function):
        if call.action.startswith("dynamodb:") and call.resource.partition("/")[0] not in named:
            yield f"{function.role} grants {call.resource}, which no variable of {function.name} names. Delete that."


def platform(function: Function) -> Iterator[str]:
    """Of what Lambda itself does in the function's name, the role grants what is needed, and nothing else."""
    needed = set(iam.platform_calls(function))
    found = {call for call in _calls(function) if call.action.startswith(("logs:", "sqs:"))}
    for call in sorted(needed - found):
        yield f"{function.role} lacks what Lambda needs for {function.name}:\n{_statement(call)}"
    for call in sorted(found - needed):
        yield f"{function.role} grants {call.action} on {call.resource}; {function.name} never needs it. Delete that."


def _calls(function: Function) -> list[Call]:
    """Returns each action on each resource that the role's statements name, whatever their conditions."""
    found = []
    for statement in iam.statements(function):
        pairs = product(listed(statement["Action"]), listed(statement["Resource"]))
        found += [Call(action, text(resource)) for action, resource in pairs]
    return found


def _statement(call: Call) -> str:
    return f"    - Effect: Allow\n      Action: {call.action}\n      Resource: !GetAtt {logical_id(call.resource)}.Arn"


def conditions() -> Iterator[str]:
    """A role has no conditions but StringEquals: the other checks read them so."""
    for function in template.functions():
        if function.role not in resources("AWS::IAM::Role"):
            continue
        for statement in iam.statements(function):
            for operator in statement.get("Condition", {}).keys() - {"StringEquals"}:
                yield f"{function.role} has a condition {operator}. Every value here is known: use StringEquals."


def wildcards() -> Iterator[str]:
    for place, statement in _statements():
        if statement["Effect"] == "Allow":
            for key, value in _named_in(statement):
                if "*" in value or key.startswith("Not"):
                    yield f"{place} allows {key} {value}. Every name here is known: write those that are used."


def _named_in(statement: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for key in ("Action", "Resource", "Principal", "NotAction", "NotResource", "NotPrincipal"):
        for value in listed(statement.get(key, [])):
            yield key, text(value)


def _statements() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields every statement of roles and of resources' policies, with the logical ID of its resource."""
    for name, role in resources("AWS::IAM::Role").items():
        documents = [role["AssumeRolePolicyDocument"], *(each["PolicyDocument"] for each in role.get("Policies", []))]
        for document in documents:
            yield from ((name, statement) for statement in listed(document["Statement"]))
    for name, resource in template.TEMPLATE["Resources"].items():
        document = resource.get("Properties", {}).get("PolicyDocument")
        if document:
            yield from ((name, statement) for statement in listed(document["Statement"]))


def managed() -> Iterator[str]:
    """No role has a managed policy: AWS decides what that grants, and may change it. API Gateway insists on one."""
    insisting = {logical_id(text(account["CloudWatchRoleArn"])) for account in resources(ACCOUNT).values()}
    for name, role in resources("AWS::IAM::Role").items():
        if name in insisting and [*map(text, role.get("ManagedPolicyArns", []))] != MANAGED:
            yield f"{name} should have the managed policy {MANAGED[0]}, and no other."
        for policy in map(text, role.get("ManagedPolicyArns", [])):
            if policy not in MANAGED:
                yield f"{name} has a managed policy, {policy}. Write out what is needed of it, under Policies."
    for function in template.functions():
        if "Policies" in function.properties:
            yield f"{function.name} has Policies, which SAM writes wildcards into. Put them into {function.role}."


def shared_roles() -> Iterator[str]:
    roles = [function.role for function in template.functions()]
    for role in sorted({str(role) for role in roles if role and roles.count(role) > 1}):
        yield f"{role} is the role of several functions, so each may do what the others do. Give each its own."


def queue_policies() -> Iterator[str]:
    """A queue takes messages from the rules that send to it, and from no other."""
    senders = template.senders()
    for name, policy in resources("AWS::SQS::QueuePolicy").items():
        for statement in policy["PolicyDocument"]["Statement"]:
            if statement["Effect"] == "Allow":
                queue = text(statement["Resource"])
                wanted = set(senders.pop(queue, []))
                yield from _senders(name, statement, queue, wanted)
    for queue in senders:
        yield f"{queue} has no policy that lets rules send to it\n{remedy(template_sections.sending(queue))}"


def _senders(name: str, statement: dict[str, Any], queue: str, wanted: set[str]) -> Iterator[str]:
    sources = statement.get("Condition", {}).get("ArnEquals", {}).get("aws:SourceArn", [])
    found = {text(source) for source in listed(sources)}
    if statement["Action"] != "sqs:SendMessage":
        yield f"{name} allows {statement['Action']} on {queue}. Rules need sqs:SendMessage, and nothing else."
    if found != wanted:
        lines = [f"\n    missing: {arn}" for arn in sorted(wanted - found)]
        lines += [f"\n    too much: {arn}" for arn in sorted(found - wanted)]
        yield (
            f"{name} must let the rules that send to {queue} do so, and nobody else{''.join(lines)}\n"
            f"{remedy(template_sections.sending(queue))}"
        )


def public_access() -> Iterator[str]:
    """Every call of the API is signed with IAM credentials. There is no other way in."""
    for name, api in resources("AWS::Serverless::Api").items():
        if api.get("Auth", {}).get("DefaultAuthorizer") != "AWS_IAM":
            yield f"{name} lets everybody call it:\n    Auth:\n      DefaultAuthorizer: AWS_IAM\n      InvokeRole: NONE"
    for function in template.functions():
        if "FunctionUrlConfig" in function.properties:
            yield f"{function.name} has a URL of its own, past the API. Delete FunctionUrlConfig."
        for event_name, event in function.events.items():
            if event["Type"] == "Api" and "Auth" in event["Properties"]:
                yield f"{function.name}.{event_name} has rules of its own for who may call it. Delete Auth."
