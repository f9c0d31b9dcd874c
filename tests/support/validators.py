"""Other people's validators of JSON Schema, as they read what this project publishes: with numbers that are floats."""

import json
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from sagactl.paths import STATE

AJV = STATE / "npm"
_SCRIPT = """
const Ajv = require("ajv/dist/2020").default;
const formats = require("ajv-formats").default;
const refused = ({ document, pointer, values }) => {
  const strict = pointer === "";  // ajv's default, which a schema inside an OpenAPI document cannot pass
  const ajv = formats(new Ajv({ strict }));
  ajv.addSchema(document, "document", false, false);
  const check = ajv.compile({ $ref: `document#${pointer}` });
  return values.filter((value) => !check(value));
};
const cases = JSON.parse(require("fs").readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(cases.map(refused)));
"""


class Case(NamedTuple):
    """Values, and the schema that they are held to: the one at this JSON Pointer in the document."""

    document: Path
    pointer: str
    values: list[Any]


def refused_by_jsonschema(cases: list[Case]) -> list[list[Any]]:
    """Returns the values of each case that don't fit."""
    return [_refused_by_jsonschema(case) for case in cases]


def refused_by_ajv(cases: list[Case]) -> list[list[Any]]:
    """Returns the values of each case that don't fit."""
    content = [case._asdict() | {"document": json.loads(case.document.read_text())} for case in cases]
    command = ["node", "-e", _SCRIPT]
    ran = subprocess.run(command, cwd=AJV, input=json.dumps(content), capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr[-2000:]
    refused: list[list[Any]] = json.loads(ran.stdout)
    return refused


def _refused_by_jsonschema(case: Case) -> list[Any]:
    document = DRAFT202012.create_resource(json.loads(case.document.read_text()))
    registry: Registry[Any] = Registry().with_resource("document", document)
    formats = Draft202012Validator.FORMAT_CHECKER
    schema = {"$ref": f"document#{case.pointer}"}
    validator = Draft202012Validator(schema, registry=registry, format_checker=formats)
    return [value for value in case.values if not validator.is_valid(value)]
