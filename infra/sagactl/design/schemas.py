"""JSON Schemas (draft 2020-12) of events and requests, made from the types that read and write them."""

from typing import Any

import msgspec
from msgspec import Struct

from contracts.values import Amount
from saga.event import Timestamp

DIALECT = "https://json-schema.org/draft/2020-12/schema"
REFERENCE = "#/components/schemas/{name}"  # in an AsyncAPI or OpenAPI document


def schema(kind: type[Struct]) -> dict[str, Any]:
    """Returns a document that refers to no other."""
    document = msgspec.json.schema(kind, schema_hook=_of_our_own)
    definitions = document["$defs"]
    own: dict[str, Any] = {"$schema": DIALECT} | definitions.pop(kind.__name__)
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
        return {"type": "number", "multipleOf": 0.01} | limits
    if issubclass(kind, Timestamp):
        return {"type": "string", "format": "date-time", "examples": ["2026-01-31T12:00:00.000Z"]}
    raise NotImplementedError(f"no schema of {kind.__name__}")


def _number(value: Any) -> int | float:
    return int(value) if value % 1 == 0 else float(value)
