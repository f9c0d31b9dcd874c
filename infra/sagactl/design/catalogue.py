"""Everything that is generated: events/, and the drawing of the deployment. `make catalogue` writes it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from contracts.events import EVENTS
from sagactl.design import asyncapi, deployment_drawing, drawing, openapi, samples
from sagactl.design.schemas import schema
from sagactl.paths import PROJECT

BY_HAND = {"events/README.md", "events/released.json"}


def files() -> dict[str, str]:
    """What each file says, by its path in the project."""
    found = {"events/asyncapi.json": _json(asyncapi.document()), "events/openapi.json": _json(openapi.document())}
    for name, event in EVENTS.items():
        found[f"events/{name}.json"] = _json(samples.envelope(name))
        found[f"events/entries/{name}.json"] = _json(samples.sample_entries(name))
        found[f"events/schemas/{name}.json"] = _json(schema(event))
    found["events/choreography.svg"] = drawing.svg() + "\n"
    found["docs/deployment.svg"] = deployment_drawing.svg() + "\n"
    return found


def write() -> None:
    for path, content in files().items():
        (PROJECT / path).parent.mkdir(parents=True, exist_ok=True)
        (PROJECT / path).write_text(content)
    for path in _left_over():
        (PROJECT / path).unlink()


def problems() -> Iterator[str]:
    stale = [path for path, content in files().items() if not _says(PROJECT / path, content)] + _left_over()
    if stale:
        yield f"Not what the event types and signatures say: {', '.join(stale)}. Write them anew:\n    make catalogue"


def _left_over() -> list[str]:
    """Files of events that there are no longer."""
    there = {str(path.relative_to(PROJECT)) for path in (PROJECT / "events").rglob("*") if path.is_file()}
    return sorted(there - files().keys() - BY_HAND)


def _says(path: Path, content: str) -> bool:
    return path.exists() and path.read_text() == content


def _json(content: Any) -> str:
    return json.dumps(content, indent=2) + "\n"


if __name__ == "__main__":
    write()
