"""The choreography as an AsyncAPI 3 document: the bus, every event on it, and who hears and tells which."""

from typing import Any

from contracts.events import EVENTS
from saga.event import Event
from sagactl.design import choreography, samples
from sagactl.design.schemas import REFERENCE, components
from sagactl.design.template import TEMPLATE

_DESCRIPTION = """\
Services that know nothing of each other hear and tell these events on one Amazon EventBridge bus. A message's
name is its `detail-type`, its payload is the `detail`, and only the service whose `source` it has may tell it. \
Unknown fields pass; what is malformed ends in a dead-letter queue."""


def document() -> dict[str, Any]:
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Order saga", "version": "1.0.0", "description": _DESCRIPTION},
        "defaultContentType": "application/json",
        "channels": {
            "bus": {
                "address": TEMPLATE["Parameters"]["BusName"]["Default"],
                "description": "The event bus; its name is the parameter BusName of template.yaml.",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in EVENTS},
            }
        },
        "operations": {
            f"{service}.{verb}": _operation(service, action, events)
            for service in choreography.services()
            for verb, action, events in (
                ("hears", "receive", choreography.hears_of(service)),
                ("tells", "send", choreography.tells_of(service)),
            )
            if events
        },
        "components": {
            "messages": {name: _message(event) for name, event in EVENTS.items()},
            "schemas": components(*EVENTS.values()),
        },
    }


def _operation(service: str, action: str, events: choreography.Events) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": "#/channels/bus"},
        "tags": [{"name": service}],
        "messages": [{"$ref": f"#/channels/bus/messages/{event.name}"} for event in events],
    }


def _message(event: type[Event]) -> dict[str, Any]:
    name = event.name
    tellers = [step for step in choreography.steps() if event in step.tells]
    causes = [step.heard.name if step.heard else "nothing heard before" for step in tellers]
    return {
        "name": name,
        "title": name,
        "summary": f"Told by {event.source}, for {', '.join(dict.fromkeys(causes))}.",
        "payload": {"$ref": REFERENCE.format(name=name)},
        "examples": [{"name": name, "payload": samples.detail(name)}],
        "x-source": event.source,
    }
