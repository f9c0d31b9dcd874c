"""What each function of template.yaml is connected to: what invokes it, its tables, and where its failures go."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from sagactl.design import choreography
from sagactl.design.template import Function, functions, listed, resources, text

API = "API Gateway"
RULE = "EventBridge rule"
SCHEDULE = "EventBridge schedule"
QUEUE = "SQS queue"


class Row(NamedTuple):
    """A function with what it is connected to, or a rule that leads to no function.

    `function` is the deployed function's name without the stack's; tables and dead letters, which are a queue, are
    logical IDs.
    """

    service: str
    way_in: str
    kind: str
    function: str = ""
    tells: bool = False
    tables: tuple[str, ...] = ()
    dead_letters: str = ""


def rows() -> list[Row]:
    """Functions service by service, the one behind the API first; rules without a function; who reads a queue."""
    found = [_of_function(function) for function in functions()]
    services = list(dict.fromkeys(row.service for row in found))
    found.sort(key=lambda row: (services.index(row.service), row.kind != API))
    direct = [row for row in found if row.kind != QUEUE]
    queued = [row for row in found if row.kind == QUEUE]
    return direct + list(_without_function(queued)) + queued


def _of_function(function: Function) -> Row:
    grants = _grants(function)
    way_in, kind = _way_in(function)
    reached = {_name(resource) for action, resource in grants if action.startswith("dynamodb:")}
    dead_letters = {_name(resource) for action, resource in grants if action == "sqs:SendMessage"}
    if kind == QUEUE:
        redrive = resources("AWS::SQS::Queue")[way_in]["RedrivePolicy"]
        dead_letters = {_name(redrive["deadLetterTargetArn"])}
    return Row(
        service=function.module.partition(".")[0],
        way_in=way_in,
        kind=kind,
        function=function.short_name,
        tells=bool(choreography.told_by(choreography.wired_in(function.module))),
        tables=tuple(name for name in resources("AWS::DynamoDB::Table") if name in reached),
        dead_letters="".join(dead_letters),
    )


def _grants(function: Function) -> set[tuple[str, str]]:
    """Each action that the function's role allows, with each resource that it is allowed on."""
    policies = resources("AWS::IAM::Role")[str(function.role)]["Policies"]
    found = set[tuple[str, str]]()
    for policy in policies:
        for statement in policy["PolicyDocument"]["Statement"]:
            for action in listed(statement["Action"]):
                found |= {(action, text(resource)) for resource in listed(statement["Resource"])}
    return found


def _way_in(function: Function) -> tuple[str, str]:
    """What invokes the function, and what kind of thing that is."""
    events = list(function.events.values())
    first = events[0]["Properties"]
    match events[0]["Type"]:
        case "Api":
            methods = ", ".join(event["Properties"]["Method"] for event in events)
            return f"{methods} {first['Path']}", API
        case "Schedule":
            return first["Schedule"], SCHEDULE
        case "SQS":
            return _name(first["Queue"]), QUEUE
        case _:
            heard = [step for step in choreography.wired_in(function.module) if step.heard]
            return f"{len(heard)} kinds of events", RULE


def _without_function(queued: list[Row]) -> Iterator[Row]:
    """Rules that put events into a queue which no function reads."""
    read = {row.way_in for row in queued}
    for name, rule in resources("AWS::Events::Rule").items():
        for target in rule["Targets"]:
            queue = _name(target["Arn"])
            if queue in resources("AWS::SQS::Queue") and queue not in read:
                title = text(rule["Name"]).removeprefix("${AWS::StackName}-")
                yield Row(service=name, way_in=title, kind=RULE, dead_letters=queue)


def _name(reference: Any) -> str:
    """The logical ID in a reference such as `${Bus.Arn}`."""
    found = re.match(r"\$\{(\w+)", text(reference))
    return found[1] if found else ""
