"""Event patterns, matched as EventBridge matches them, as far as `source` and `detail-type` go."""

from collections.abc import Mapping
from typing import Any


class Unknown(ValueError):
    """Part of a pattern that is not understood here."""


def matches(pattern: Mapping[str, Any], event: Mapping[str, str]) -> bool:
    """Whether the event goes to a rule with this pattern. Raises Unknown."""
    return all(
        any(matches(branch, event) for branch in wanted) if _is_or(key, wanted) else _fits_any(key, wanted, event)
        for key, wanted in pattern.items()
    )


def _is_or(key: str, wanted: Any) -> bool:
    """To EventBridge, `$or` of a single pattern is a field by that name, which no event has."""
    return key == "$or" and isinstance(wanted, list) and len(wanted) > 1


def _fits_any(key: str, wanted: Any, event: Mapping[str, str]) -> bool:
    if key not in event or not isinstance(wanted, list):
        raise Unknown(f"{key}: {wanted}")
    return any(_fits(one, event[key]) for one in wanted)


def _fits(wanted: Any, value: str) -> bool:
    match wanted:
        case str():
            return value == wanted
        case {"prefix": str(prefix), **others} if not others:
            return value.startswith(prefix)
        case {"suffix": str(suffix), **others} if not others:
            return value.endswith(suffix)
        case {"equals-ignore-case": str(text), **others} if not others:
            return value.lower() == text.lower()
        case {"anything-but": inner, **others} if not others:
            return not any(_fits(one, value) for one in (inner if isinstance(inner, list) else [inner]))
        case _:
            raise Unknown(str(wanted))
