"""JSON Schemas (draft 2020-12) of events and requests, made from the types that read and write them."""

from typing import Any

import msgspec
from msgspec import Struct

from contracts.values import Amount
from saga.event import Timestamp

DIALECT = "https://json-schema.org/draft/2020-12/schema"
REFERENCE = "#/components/schemas/{name}"  # in an AsyncAPI or OpenAPI document


def schema(kind: type[Struct], *, exact: bool = False) -> dict[str, Any]:
    """Returns a document that refers to no other.

    `exact` adds to an amount what only holds for those who read numbers as Decimal: that it is a multiple of 0.01. To
    those who read them as binary floats, 0.07 is none, so what we publish says it in words.
    """
    hook = _exactly if exact else _of_our_own
    document = msgspec.json.schema(kind, schema_hook=hook)
    definitions = document["$defs"]
    _, _, name = document["$ref"].rpartition("/")
    own: dict[str, Any] = {"$schema": DIALECT} | definitions.pop(name)
    if definitions:
        own["$defs"] = definitions
    return own


def components(*kinds: type[Struct]) -> dict[str, Any]:
    """Returns schemas by name, for the components of an AsyncAPI or OpenAPI document."""
    _, schemas = msgspec.json.schema_components(kinds, schema_hook=_of_our_own, ref_template=REFERENCE)
    return schemas


def _of_our_own(kind: type[Any]) -> dict[str, Any]:
    if issubclass(kind, Amount):
        limits = {"minimum": _number(kind.minimum), "maximum": _number(kind.maximum)}
        return {"description": "with at most 2 decimals", "type": "number"} | limits
    if issubclass(kind, Timestamp):
        return {"type": "string", "format": "date-time", "examples": ["2026-01-31T12:00:00.000Z"]}
    raise NotImplementedError(f"no schema of {kind.__name__}")


def _exactly(kind: type[Any]) -> dict[str, Any]:
    described = _of_our_own(kind)
    if issubclass(kind, Amount):
        described["multipleOf"] = 0.01
    return described


def _number(value: Any) -> int | float:
    return int(value) if value % 1 == 0 else float(value)
