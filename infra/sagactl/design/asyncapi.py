"""The choreography as an AsyncAPI 3 document: the bus, every event on it, and who hears and tells which."""

import inspect
from typing import Any, Literal

from contracts.events import EVENTS
from saga.event import Event
from sagactl.design import choreography, samples
from sagactl.design.schemas import REFERENCE, components
from sagactl.design.template import TEMPLATE

_DESCRIPTION = """\
Independent services hear and tell (receive and send) these events on one Amazon EventBridge bus. A message's name is \
its `detail-type`, its payload is the `detail`, and only the service whose `source` it has may tell it. A service \
ignores fields that it does not know. Events with wrong or missing fields end in the dead-letter queue."""


_ACTIONS = {"hears": "receive", "tells": "send"}
_SERVERS: dict[str, Any] = {
    "aws": {
        "host": "events.{region}.amazonaws.com",
        "protocol": "https",
        "description": "EventBridge, which takes events by PutEvents and hands them to the targets of the bus's rules.",
        "variables": {"region": {"default": "us-east-1", "description": "Where the stack is deployed."}},
        "security": [{"type": "httpApiKey", "in": "header", "name": "Authorization", "description": "SigV4."}],
    },
    "localstack": {
        "host": "127.0.0.1:4566",
        "protocol": "http",
        "description": "What `saga up` starts. It checks no signature.",
    },
}


def document() -> dict[str, Any]:
    """Returns the whole document."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Order saga",
            "version": "1.0.0",
            "description": _DESCRIPTION,
            "tags": [{"name": service} for service in choreography.services()],
        },
        "defaultContentType": "application/json",
        "servers": _SERVERS,
        "channels": {
            "bus": {
                "servers": [{"$ref": f"#/servers/{name}"} for name in _SERVERS],
                "address": TEMPLATE["Parameters"]["BusName"]["Default"],
                "description": "The event bus; its name is the parameter BusName of template.yaml.",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in EVENTS},
            }
        },
        "operations": _operations(),
        "components": {
            "messages": {name: _message(event) for name, event in EVENTS.items()},
            "schemas": components(*EVENTS.values()),
        },
    }


def _operations() -> dict[str, Any]:
    """Returns `payment.hears`, `payment.tells` and so on, without those that have no events."""
    found = {}
    for service in choreography.services():
        found[f"{service}.hears"] = _operation(service, "hears", choreography.hears_of(service))
        found[f"{service}.tells"] = _operation(service, "tells", choreography.tells_of(service))
    return {name: operation for name, operation in found.items() if operation["messages"]}


def _operation(service: str, does: Literal["hears", "tells"], events: choreography.Events) -> dict[str, Any]:
    return {
        "action": _ACTIONS[does],
        "title": f"What {service} {does}",
        "summary": f"The {service} service {does} {', '.join(event.name for event in events)}.",
        "channel": {"$ref": "#/channels/bus"},
        "tags": [{"name": service}],
        "messages": [{"$ref": f"#/channels/bus/messages/{event.name}"} for event in events],
    }


def _message(event: type[Event]) -> dict[str, Any]:
    name = event.name
    return {
        "name": name,
        "title": name,
        "summary": _summary(event),
        "description": _described(event),
        "tags": [{"name": choreography.service_of(event)}, {"name": choreography.kind_of(name)}],
        "payload": {"$ref": REFERENCE.format(name=name)},
        "examples": [{"name": name, "payload": samples.detail(name)}],
        "x-source": event.source,
    }


def _described(event: type[Event]) -> str:
    meant = inspect.cleandoc(event.__doc__ or "")
    hearers = ", ".join(choreography.heard_by(event.name, event.source)) or "no service"
    return f"{meant}\n\nHeard by {hearers}.".strip()


def _summary(event: type[Event]) -> str:
    steps = [step for step in choreography.steps() if event in step.tells]
    causes = [step.heard.name for step in steps if step.heard]
    if not causes:
        return f"Told by {event.source} without hearing an event."
    return f"Told by {event.source} when it hears {', '.join(dict.fromkeys(causes))}."
