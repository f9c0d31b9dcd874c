"""Every role and resource policy grants what is used, to whom uses it, and nothing else.

That each single grant is needed, and all together suffice, tests/service/test_grants.py shows on the running code.
"""

from collections.abc import Iterator
from typing import Any

from sagactl.checks import policies, rules
from sagactl.checks.policies import Call
from sagactl.design import choreography, template
from sagactl.design.template import Function, listed, resources, text

BUS = "${Bus.Arn}"
# API Gateway checks for this one by name before it writes access logs.
MANAGED = ["arn:${AWS::Partition}:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"]


def problems() -> Iterator[str]:
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
    tells = [fact for step in choreography.wired_in(function.module) for fact in step.tells]
    wanted = {(fact.source, fact.name) for fact in tells}
    granted = policies.statements(function)
    found = {
        (source, name)
        for source, name in rules.EVERY
        if policies.allowed(
            granted, Call("events:PutEvents", BUS, (("events:source", source), ("events:detail-type", name)))
        )
    }
    if found != wanted:
        yield (
            f"{function.role} doesn't allow exactly what {function.module} tells"
            f"{rules.difference(found, wanted)}\n{_tell(sorted(wanted, key=lambda pair: rules.NAMES.index(pair[1])))}"
        )


def _tell(wanted: list[tuple[str, str]]) -> str:
    if not wanted:
        return "    no statement with events:PutEvents"
    return (
        "    - Sid: Tell\n"
        "      Effect: Allow\n"
        "      Action: events:PutEvents\n"
        "      Resource: !GetAtt Bus.Arn\n"
        "      Condition:\n"
        "        StringEquals:\n"
        f"          events:source: {wanted[0][0]}\n"
        f"          events:detail-type: [{', '.join(name for _, name in wanted)}]"
    )


def tables(function: Function) -> Iterator[str]:
    """A function is granted no table, and no index, but those its environment names."""
    named = {text(value).replace("}", ".Arn}") for value in function.variables.values()}
    for statement in policies.statements(function):
        for resource in map(text, listed(statement["Resource"])):
            is_tables = any(str(action).startswith("dynamodb:") for action in listed(statement["Action"]))
            if is_tables and resource.partition("/")[0] not in named:
                yield f"{function.role} grants {resource}, which no variable of {function.name} names. Delete that."


def platform(function: Function) -> Iterator[str]:
    """Of what Lambda itself asks for in the function's name, its role grants what it needs, and nothing else."""
    needed = policies.platform_calls(function)
    granted = policies.statements(function)
    found = {
        Call(action, text(resource))
        for statement in granted
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
        if action.split(":")[0] in {"logs", "sqs"}
    }
    for call in sorted(set(needed) - found):
        yield f"{function.role} lacks what Lambda needs for {function.name}:\n{_statement(call)}"
    for call in sorted(found - set(needed)):
        yield f"{function.role} grants {call.action} on {call.resource}; {function.name} never needs it. Delete that."


def _statement(call: Call) -> str:
    return (
        f"    - Effect: Allow\n      Action: {call.action}\n      "
        f"Resource: !GetAtt {call.resource.removeprefix('${').removesuffix('}')}"
    )


def wildcards() -> Iterator[str]:
    for place, statement in _policies():
        if statement["Effect"] == "Allow":
            for key in ("Action", "Resource", "Principal", "NotAction", "NotResource", "NotPrincipal"):
                for value in map(text, listed(statement.get(key, []))):
                    if "*" in value or key.startswith("Not"):
                        yield f"{place} allows {key} {value}. Every name here is known: write those that are used."


def _policies() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, role in resources("AWS::IAM::Role").items():
        documents = [role["AssumeRolePolicyDocument"], *(each["PolicyDocument"] for each in role.get("Policies", []))]
        yield from ((name, statement) for document in documents for statement in listed(document["Statement"]))
    for name, resource in template.TEMPLATE["Resources"].items():
        document = resource.get("Properties", {}).get("PolicyDocument")
        yield from ((name, statement) for statement in listed(document["Statement"] if document else []))


def managed() -> Iterator[str]:
    """Nobody here says what a managed policy grants, nor when that changes."""
    for name, role in resources("AWS::IAM::Role").items():
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
    senders = rules.letters()
    for name, policy in resources("AWS::SQS::QueuePolicy").items():
        for statement in policy["PolicyDocument"]["Statement"]:
            if statement["Effect"] != "Allow":
                continue
            queue = text(statement["Resource"])
            found = set(map(text, listed(statement.get("Condition", {}).get("ArnEquals", {}).get("aws:SourceArn", []))))
            wanted = senders.pop(queue, set())
            if found != wanted or statement["Action"] != "sqs:SendMessage":
                yield f"{name} must let these rules send to {queue}, and nobody else:\n{_senders(wanted)}"
    for queue, wanted in senders.items():
        if queue:
            yield f"{queue} has no policy that lets these rules send to it:\n{_senders(wanted)}"


def _senders(arns: set[str]) -> str:
    lines = "\n".join(f"          - !Sub {arn}" for arn in sorted(arns))
    return f"    Action: sqs:SendMessage\n    Condition:\n      ArnEquals:\n        aws:SourceArn:\n{lines}"


def public_access() -> Iterator[str]:
    """Whoever calls the API signs with IAM credentials; there is no other way in."""
    for name, api in resources("AWS::Serverless::Api").items():
        if api.get("Auth", {}).get("DefaultAuthorizer") != "AWS_IAM":
            yield f"{name} lets everybody call it:\n    Auth:\n      DefaultAuthorizer: AWS_IAM\n      InvokeRole: NONE"
    for function in template.functions():
        if "FunctionUrlConfig" in function.properties:
            yield f"{function.name} has a URL of its own, past the API. Delete FunctionUrlConfig."
        for event_name, event in function.events.items():
            if event["Type"] == "Api" and "Auth" in event["Properties"]:
                yield f"{function.name}.{event_name} has rules of its own for who may call it. Delete Auth."
