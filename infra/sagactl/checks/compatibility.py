"""What changed in an event or an item since the last release, and whom that breaks: see docs/evolving-events.md.

A reader breaks if it misses a field that it relies on, or meets a value that it refuses. A writer breaks if what it
told before is refused now: events are told again, redriven and replayed. An item is read and written by both the last
release's code and the new, for as long as a deployment takes, and the other way round when it is rolled back.
"""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from sagactl.checks import baseline

BOUNDS = {"minimum": 1, "minLength": 1, "maximum": -1, "maxLength": -1}  # 1 where more is narrower


class Parties(NamedTuple):
    """Who breaks, in words: a reader, all of them when they refuse, and what was written before the change."""

    reader: str
    refuse: str
    what: str
    stored: str
    remedy: str


OF_EVENTS = Parties(
    "a reader",
    "its readers refuse",
    "events",
    "events told before",
    """\
  docs/evolving-events.md says how to change an event so that nobody breaks. If every service that tells or hears it has
  been changed already, accept it as it is:
    make baseline""",
)
OF_ITEMS = Parties(
    "code of the last release",
    "code of the last release refuses",
    "items",
    "items stored before",
    """\
  docs/evolving-events.md says how to change a state so that nobody breaks. If no item and no code is left that it
  breaks, accept it as it is:
    make baseline""",
)


def problems() -> Iterator[str]:
    released = baseline.released()
    now = baseline.present()
    for name, before in released["events"].items():
        yield from _problem(name, OF_EVENTS, changes(before, now["events"].get(name)))
    for service, before in released["items"].items():
        name = f"{before['title']}, the state of {service},"
        yield from _problem(name, OF_ITEMS, changes_of_item(before, now["items"].get(service)))


def _problem(name: str, parties: Parties, changes: Iterator[str]) -> Iterator[str]:
    lines = [f"    - {change}" for change in changes]
    if lines:
        yield "\n".join([f"{name} is not what was released:", *lines, parties.remedy])


def changes(before: dict[str, Any], now: dict[str, Any] | None) -> Iterator[str]:
    """Yields what a change of a contract breaks."""
    if now is None:
        yield "it is gone: its readers hear nothing any more"
        return
    if before["source"] != now["source"]:
        yield f"its source is {now['source']}, no longer {before['source']}: rules and readers go by that"
    detail_before = before["detail"]
    detail_now = now["detail"]
    yield from Comparison(OF_EVENTS, detail_before, detail_now).changes()
    if _is_another_order(detail_before["required"], detail_now["required"]):
        yield "its required fields come in another order: their fingerprint is another, and counts as a contradiction"


def changes_of_item(before: dict[str, Any], now: dict[str, Any] | None) -> Iterator[str]:
    """Yields what a change of a service's State breaks."""
    if now is None:
        yield "it is gone: nobody reads the service's items any more"
        return
    yield from Comparison(OF_ITEMS, before, now).changes()


class Comparison:
    """Two schemas of one thing, before and now, and what the difference breaks."""

    def __init__(self, parties: Parties, before: dict[str, Any], now: dict[str, Any]) -> None:
        self.parties = parties
        self.before = before
        self.now = now

    def changes(self) -> Iterator[str]:
        yield from self._fields("", self.before, self.now)

    def _fields(self, path: str, before: Any, now: Any) -> Iterator[str]:
        """Compares the properties of two objects."""
        old = before.get("properties", {})
        new = now.get("properties", {})
        for name in old | new:
            field = f"{path}{name}"
            yield from self._presence(field, name, before, now)
            if name in old and name in new:
                yield from self._default(field, old[name], new[name])
                inner_before = _flat(old[name], self.before)
                inner_now = _flat(new[name], self.now)
                yield from self._limits(field, inner_before, inner_now)
                if "properties" in inner_before and "properties" in inner_now:
                    yield from self._fields(f"{field}.", inner_before, inner_now)

    def _presence(self, field: str, name: str, before: Any, now: Any) -> Iterator[str]:
        was_required = name in before["required"]
        is_required = name in now["required"]
        if name not in now.get("properties", {}):
            yield f"{field} is gone: {self.parties.reader} that uses it finds nothing"
        elif is_required and not was_required:
            yield f"{field} is newly required: {self.parties.stored} lack it, and are refused"
        elif was_required and not is_required:
            yield f"{field} may be missing: {self.parties.reader} that relies on it fails"

    def _default(self, field: str, before: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
        """Compares what a field is that is left out, because it has its default."""
        if "default" in before and "default" in now and before["default"] != now["default"]:
            was = json.dumps(before["default"])
            yield (
                f"{field} is {json.dumps(now['default'])} if left out, no longer {was}: "
                f"{self.parties.stored} left it out at {was}"
            )

    def _limits(self, field: str, before: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
        refused = f"{self.parties.stored} are refused"
        for key in ("type", "enum"):
            old = set(before.get(key, ()))
            new = set(now.get(key, ()))
            if old - new:
                yield f"{field} can no longer be {_words(old - new)}: {refused}"
            if new - old:
                yield f"{field} can also be {_words(new - old)}: {self.parties.refuse} that"
        for key, direction in BOUNDS.items():
            old_bound = before.get(key)
            new_bound = now.get(key)
            if old_bound != new_bound:
                is_narrower = _is_narrower(old_bound, new_bound, direction)
                breaks = refused if is_narrower else f"{self.parties.refuse} what the old one excludes"
                yield f"{field} has {key} {_or_none(new_bound)}, no longer {_or_none(old_bound)}: {breaks}"
        yield from self._exactly(field, before, now)

    def _exactly(self, field: str, before: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
        for key in ("pattern", "format", "multipleOf"):
            if before.get(key) != now.get(key):
                yield (
                    f"{field} has {key} {_or_none(now.get(key))}, no longer {_or_none(before.get(key))}: readers and "
                    f"{self.parties.what} of before may go by the old one"
                )
        for key in ("additionalProperties", "items", "prefixItems"):
            if _resolved(before.get(key), self.before) != _resolved(now.get(key), self.now):
                yield f"{field} holds values of another shape: {self.parties.refuse} them, or drops a part of them"


def _resolved(of: Any, root: dict[str, Any]) -> Any:
    """Returns a part of a schema with no references and no descriptions."""
    match of:
        case {"$ref": str(reference)}:
            return _resolved(root["$defs"][reference.rpartition("/")[2]], root)
        case dict():
            return {key: _resolved(value, root) for key, value in of.items() if key not in ("description", "examples")}
        case list():
            return [_resolved(value, root) for value in of]
    return of


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


def _is_another_order(before: list[str], now: list[str]) -> bool:
    return before != now and set(before) == set(now)


def _is_narrower(before: float | None, now: float | None, direction: int) -> bool:
    if before is None or now is None:
        return before is None
    return (now - before) * direction > 0


def _words(values: set[Any]) -> str:
    return " or ".join(sorted(map(str, values)))


def _or_none(value: Any) -> str:
    return "none" if value is None else str(value)
