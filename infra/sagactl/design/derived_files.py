"""Every file that is derived: events/, the drawings, and sections of two templates. `make derive` writes them."""

import json
import sys
from pathlib import Path
from typing import Any

from contracts.events import EVENTS
from sagactl.design import (
    asyncapi,
    choreography,
    deployment_drawing,
    drawing,
    openapi,
    samples,
    template,
    template_sections,
)
from sagactl.design.schemas import schema
from sagactl.errors import SagaError
from sagactl.paths import PROJECT

OBSERVABILITY = "infra/observability.yaml"
BY_HAND = {"events/README.md", "events/released.json", "events/released.zip"}


def files() -> dict[str, str]:
    """Returns what each file must say, by its path in the project. Raises SagaError if that can't be said."""
    if choreography.has_cycle():
        raise SagaError("An event leads back to itself", "Find out which one: make check")
    found = {
        "template.yaml": template_sections.rewritten(template.TEXT),
        OBSERVABILITY: template_sections.rewritten((PROJECT / OBSERVABILITY).read_text()),
        "events/asyncapi.json": _json(asyncapi.document()),
        "events/openapi.json": _json(openapi.document()),
        "events/choreography.svg": drawing.svg() + "\n",
        "docs/deployment.svg": deployment_drawing.svg() + "\n",
    }
    for name, event in EVENTS.items():
        found[f"events/{name}.json"] = _json(samples.envelope(name))
        found[f"events/entries/{name}.json"] = _json(samples.sample_entries(name))
        found[f"events/schemas/{name}.json"] = _json(schema(event))
    return found


def write() -> list[str]:
    """Writes and deletes what has changed, and returns the paths."""
    found = files()
    changed = stale()
    for path in changed:
        (PROJECT / path).parent.mkdir(parents=True, exist_ok=True)
        (PROJECT / path).write_text(found[path])
    gone = left_over()
    for path in gone:
        (PROJECT / path).unlink()
    return changed + gone


def stale() -> list[str]:
    """Returns the files that differ from what the code says."""
    return [path for path, content in files().items() if not _says(PROJECT / path, content)]


def left_over() -> list[str]:
    """Returns the files of events that no longer exist."""
    there = {str(path.relative_to(PROJECT)) for path in (PROJECT / "events").rglob("*") if path.is_file()}
    return sorted(there - files().keys() - BY_HAND)


def _says(path: Path, content: str) -> bool:
    return path.exists() and path.read_text() == content


def _json(content: Any) -> str:
    return json.dumps(content, indent=2) + "\n"


def main() -> int:
    """Writes what has changed, and prints the paths; or prints why it can't."""
    try:
        changed = write()
    except SagaError as error:
        print(error, file=sys.stderr)
        return 1
    for path in changed:
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
