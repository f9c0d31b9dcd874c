"""Event patterns of `source` and `detail-type`, matched as EventBridge does, as far as this template uses them."""

from collections.abc import Mapping
from typing import Any


class Unknown(ValueError):
    """A part of a pattern that is not understood here."""


def matches(pattern: Mapping[str, Any], event: Mapping[str, str]) -> bool:
    """Returns whether the event matches. Raises Unknown."""
    return all(_fits(key, wanted, event) for key, wanted in pattern.items())


def _fits(key: str, wanted: Any, event: Mapping[str, str]) -> bool:
    if key == "$or" and isinstance(wanted, list) and len(wanted) > 1:
        return any(matches(branch, event) for branch in wanted)
    # To EventBridge, `$or` of a single pattern is a field by that name, which no event has.
    if key not in event or not isinstance(wanted, list):
        raise Unknown(f"{key}: {wanted}")
    return any(_fits_one(one, event[key]) for one in wanted)


def _fits_one(wanted: Any, value: str) -> bool:
    match wanted:
        case str():
            return value == wanted
        case {"prefix": str(prefix), **others} if not others:
            return value.startswith(prefix)
        case {"anything-but": str(excluded), **others} if not others:
            return value != excluded
        case {"anything-but": [*excluded], **others} if not others and all(isinstance(one, str) for one in excluded):
            return value not in excluded
        case _:
            raise Unknown(str(wanted))
