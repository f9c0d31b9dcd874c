"""What changed in an event since the last release, and whom that breaks: see docs/evolving-events.md.

A reader breaks if it misses a field that it relies on, or meets a value that it refuses. A writer breaks if what it
told before is refused now: events are told again, redriven and replayed.
"""

import json
from collections.abc import Iterator
from typing import Any

from contracts.events import EVENTS
from sagactl.design.schemas import schema
from sagactl.paths import PROJECT

RELEASED = PROJECT / "events/released.json"
BOUNDS = {"minimum": 1, "minLength": 1, "maximum": -1, "maxLength": -1}  # 1 where more is narrower

_REMEDY = """\
  docs/evolving-events.md says how to change an event so that nobody breaks. If every service that tells or hears it has
  been changed already, accept it as it is:
    make baseline"""


def problems() -> Iterator[str]:
    released = json.loads(RELEASED.read_text())
    now = contracts()
    for name, before in released.items():
        lines = [f"    - {change}" for change in changes(before, now.get(name))]
        if lines:
            yield "\n".join([f"{name} is not what was released:", *lines, _REMEDY])


def contracts() -> dict[str, Any]:
    """Returns the source of each event and the exact schema of its detail, by its name."""
    return {name: {"source": event.source, "detail": schema(event, exact=True)} for name, event in EVENTS.items()}


def accept() -> None:
    """Writes the events as they are now. From then on, changes are compared with these."""
    RELEASED.write_text(json.dumps(contracts(), indent=2) + "\n")


def changes(before: dict[str, Any], now: dict[str, Any] | None) -> Iterator[str]:
    """Yields what a change of a contract breaks."""
    if now is None:
        yield "it is gone: its readers hear nothing any more"
        return
    if before["source"] != now["source"]:
        yield f"its source is {now['source']}, no longer {before['source']}: rules and readers go by that"
    yield from _fields("", before["detail"], now["detail"], before["detail"], now["detail"])


def _fields(path: str, before: Any, now: Any, root_before: Any, root_now: Any) -> Iterator[str]:
    """Compares the properties of two objects. The roots hold the $defs."""
    old = before.get("properties", {})
    new = now.get("properties", {})
    for name in old | new:
        field = f"{path}{name}"
        was_required = name in before["required"]
        is_required = name in now["required"]
        if name not in new:
            yield f"{field} is gone: a reader that uses it finds nothing"
        elif is_required and not was_required:
            yield f"{field} is newly required: events told before lack it, and are refused"
        elif was_required and not is_required:
            yield f"{field} may be missing: a reader that relies on it fails"
        if name in old and name in new:
            inner_before = _flat(old[name], root_before)
            inner_now = _flat(new[name], root_now)
            yield from _limits(field, inner_before, inner_now)
            if "properties" in inner_before and "properties" in inner_now:
                yield from _fields(f"{field}.", inner_before, inner_now, root_before, root_now)


def _flat(of: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    """Returns one schema for a reference or for alternatives. Its type is the set of all types that it may be."""
    if "$ref" in of:
        return _flat(root["$defs"][of["$ref"].rpartition("/")[2]], root)
    if "anyOf" not in of:
        types = {of["type"]} if "type" in of else set()
        return of | {"type": types}
    merged: dict[str, Any] = {"type": set()}
    for branch in of["anyOf"]:
        flat = _flat(branch, root)
        merged |= flat | {"type": merged["type"] | flat["type"]}
    return merged


def _limits(field: str, before: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    for key in ("type", "enum"):
        old = set(before.get(key, ()))
        new = set(now.get(key, ()))
        if old - new:
            yield f"{field} can no longer be {_words(old - new)}: events told before are refused"
        if new - old:
            yield f"{field} can also be {_words(new - old)}: its readers refuse that"
    for key, direction in BOUNDS.items():
        old_bound = before.get(key)
        new_bound = now.get(key)
        if old_bound != new_bound:
            is_narrower = _is_narrower(old_bound, new_bound, direction)
            breaks = "events told before are refused" if is_narrower else "its readers refuse what the old one excludes"
            yield f"{field} has {key} {_or_none(new_bound)}, no longer {_or_none(old_bound)}: {breaks}"
    for key in ("pattern", "format", "multipleOf"):
        if before.get(key) != now.get(key):
            yield (
                f"{field} has {key} {_or_none(now.get(key))}, no longer {_or_none(before.get(key))}: readers and "
                "events of before may go by the old one"
            )


def _is_narrower(before: float | None, now: float | None, direction: int) -> bool:
    if before is None or now is None:
        return before is None
    return (now - before) * direction > 0


def _words(values: set[Any]) -> str:
    return " or ".join(sorted(map(str, values)))


def _or_none(value: Any) -> str:
    return "none" if value is None else str(value)


if __name__ == "__main__":
    accept()
