"""The choreography as an AsyncAPI 3 document: the bus, every event on it, and who hears and tells which."""

import shutil
import sys
from typing import Any

from saga.events import EVENTS, Event
from sagactl import choreography
from sagactl.catalogue import samples
from sagactl.catalogue.schemas import REFERENCE, components
from sagactl.errors import SagaError
from sagactl.local.npm import unpacked
from sagactl.paths import STATE
from sagactl.template import TEMPLATE

# AsyncAPI's own schema of AsyncAPI documents. `python -m sagactl.catalogue.asyncapi` fetches it.
SPECIFICATION = STATE / "asyncapi/3.0.0.json"
_PACKAGE = "@asyncapi/specs@6.11.1"
_PACKAGE_SHA512 = (
    "0375812ea00a1a8276fba15616da63065090d6814272ce06c45ef3b081af36aa"
    "7f9251941e3940dda01c67d5cc3292c613cccf7980f3db1f4598ee834ae2ab69"
)
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


def fetch_specification() -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise SagaError("AsyncAPI's schema needs npm, and it is not on the PATH", "Install npm, then try again")
    with unpacked(npm, _PACKAGE, _PACKAGE_SHA512, "schemas/3.0.0.json", SPECIFICATION.parent) as schema:
        schema.rename(SPECIFICATION)


if __name__ == "__main__":
    try:
        fetch_specification()
    except SagaError as error:
        sys.exit(f"error: {error}")
