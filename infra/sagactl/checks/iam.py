"""IAM policies, evaluated as far as this project's roles go."""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from sagactl.design.template import Function, listed, resources, text

_LOGGING = ("CreateLogStream", "PutLogEvents")
_POLLING = ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")


class Call(NamedTuple):
    """What a caller asks AWS for. `context` holds the condition keys, each with one value."""

    action: str
    resource: str
    context: tuple[tuple[str, str], ...] = ()


def statements(function: Function) -> list[dict[str, Any]]:
    """Returns the statements of the function's role."""
    found = []
    for policy in resources("AWS::IAM::Role")[str(function.role)].get("Policies", []):
        found += listed(policy["PolicyDocument"]["Statement"])
    return found


def allowed(granted: Iterable[Mapping[str, Any]], call: Call) -> bool:
    """Returns whether the statements allow the call. Conditions are read as StringEquals, which roles.py ensures."""
    effects = {statement["Effect"] for statement in granted if _applies(statement, call)}
    return effects == {"Allow"}


def platform_calls(function: Function) -> list[Call]:
    """Returns what Lambda itself does with the function's role. No code here asks for it, so no test sees it."""
    calls = []
    if "LoggingConfig" in function.properties:
        logs = text(function.properties["LoggingConfig"]["LogGroup"]).replace("}", ".Arn}")
        calls += [Call(f"logs:{action}", logs) for action in _LOGGING]
    failures = on_failure(function)
    if failures:
        calls.append(Call("sqs:SendMessage", failures))
    for event in function.events.values():
        if event["Type"] == "SQS":
            polled = text(event["Properties"]["Queue"])
            calls += [Call(f"sqs:{action}", polled) for action in _POLLING]
    return calls


def on_failure(function: Function) -> str | None:
    """Returns the queue for events that the function could not handle in any attempt."""
    invoked = function.properties.get("EventInvokeConfig", {})
    destination = invoked.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
    return text(destination) if destination else None


def _applies(statement: Mapping[str, Any], call: Call) -> bool:
    return (
        any(fnmatchcase(call.action.lower(), action.lower()) for action in listed(statement["Action"]))
        and any(fnmatchcase(call.resource, text(resource)) for resource in listed(statement["Resource"]))
        and all(_holds(keys, dict(call.context)) for keys in statement.get("Condition", {}).values())
    )


def _holds(wanted: Mapping[str, Any], context: Mapping[str, str]) -> bool:
    return all(context.get(key) in listed(values) for key, values in wanted.items())
