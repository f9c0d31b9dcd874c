"""The last release: its events and its services' items as schemas, and its code. `make baseline` writes them.

`make check` compares the schemas with those of the present code, and `make explore` runs both codes side by side.
"""

import json
from typing import Any
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from contracts.events import EVENTS
from saga.ledger import Entry, State
from sagactl.design import choreography
from sagactl.design.schemas import schema
from sagactl.paths import PROJECT

SCHEMAS = PROJECT / "events/released.json"
CODE = PROJECT / "events/released.zip"
_MOMENT = (1980, 1, 1, 0, 0, 0)  # of every file in the archive, so that the same code is the same archive
_UNIX = 3


def released() -> dict[str, Any]:
    """Returns what the last release had, as `present` returns what there is now."""
    found: dict[str, Any] = json.loads(SCHEMAS.read_text())
    return found


def present() -> dict[str, Any]:
    """Returns each event, by its name, and what each service's table holds, by the service's name."""
    events = {name: {"source": event.source, "detail": schema(event, exact=True)} for name, event in EVENTS.items()}
    states = {step.service: step.state for step in choreography.steps() if step.state}
    return {"events": events, "items": {service: item(state) for service, state in states.items()}}


def item(state: type[State]) -> dict[str, Any]:
    """Returns the schema of an item: an entry's own fields, and beside them those of its State."""
    entry = schema(Entry[State], exact=True)
    own = schema(state, exact=True)
    for laid_flat in ("state", "unknown"):
        entry["properties"].pop(laid_flat, None)  # release 1.0 keeps no unknown fields
    del entry["$defs"][State.__name__]
    return {
        "title": state.__name__,
        "type": "object",
        "properties": entry["properties"] | own["properties"],
        "required": [name for name in entry["required"] if name != "state"] + own["required"],
        "$defs": entry["$defs"] | own.get("$defs", {}),
    }


def accept() -> None:
    """Writes the events, items and code as they are now. From then on, changes are compared with these."""
    SCHEMAS.write_text(json.dumps(present(), indent=2) + "\n")
    with ZipFile(CODE, "w", ZIP_STORED) as archive:  # not compressed: how well depends on the machine's zlib
        for name, source in sources().items():
            file = ZipInfo(name, _MOMENT)
            file.create_system = _UNIX
            archive.writestr(file, source)


def sources() -> dict[str, str]:
    """Returns the Python code of all functions by its path in functions/, with the same line ends on every machine."""
    folder = PROJECT / "functions"
    paths = sorted(path for path in folder.rglob("*.py") if "__pycache__" not in path.parts)
    return {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in paths}


if __name__ == "__main__":
    accept()
