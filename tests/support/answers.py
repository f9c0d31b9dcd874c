"""JSON held to its schema, with exact numbers; and what the API answers, to its OpenAPI document."""

import json
from decimal import Decimal
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.protocols import Validator

from sagactl.design import openapi


def validator(schema: dict[str, Any], root: dict[str, Any] | None = None) -> Validator:
    """Of numbers that are Decimal: 49.9 is then a multiple of 0.01."""
    whole = schema | {"$defs": (root or schema).get("$defs", {})}
    return Draft202012Validator(exactly(whole), format_checker=Draft202012Validator.FORMAT_CHECKER)


def exactly(content: Any) -> Any:
    """With exact numbers: a whole one is an int, however it is written."""
    return json.loads(json.dumps(content), parse_float=_number, parse_constant=Decimal)


def _number(text: str) -> Decimal | int:
    number = Decimal(text)
    return int(number) if number % 1 == 0 else number


def hold(method: str, path: str, status: int, content: Any) -> None:
    """Raises ValidationError unless the document has such an answer to this call."""
    described = openapi.document()["paths"][path][method]["responses"][str(status)]["content"]["application/json"]
    _of_component(described["schema"]["$ref"].rpartition("/")[2]).validate(exactly(content))


@cache
def _of_component(name: str) -> Validator:
    schemas = json.dumps(openapi.document()["components"]["schemas"]).replace("#/components/schemas/", "#/$defs/")
    return validator(json.loads(schemas)[name], {"$defs": json.loads(schemas)})
