"""The functions run here, without being deployed: modules, variables and tables as template.yaml has them."""

import importlib
import os
import sys
from types import ModuleType
from typing import Any

from sagactl.template import TEMPLATE, functions, resources


def environment(module: str) -> dict[str, str]:
    """A function's variables: a parameter has its default, and a resource is named by its logical id."""
    own = next(function for function in functions() if function.module == module)
    given = {name: value for name, value in own.variables.items() if value != {"Ref": "AWS::NoValue"}}
    return {name: _value(value) for name, value in given.items()}


def _value(value: Any) -> str:
    reference = value["Ref"] if isinstance(value, dict) else None
    default = TEMPLATE["Parameters"].get(reference, {}).get("Default")
    return str(value if reference is None else reference if default is None else default)


def tables() -> list[dict[str, Any]]:
    """CreateTable's arguments for every table."""
    taken = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
    return [
        {"TableName": name} | {key: table[key] for key in taken if key in table}
        for name, table in resources("AWS::DynamoDB::Table").items()
    ]


def load(module: str) -> ModuleType:
    """Imports a function's module anew, as a cold start does, with its own environment."""
    for function in functions():
        sys.modules.pop(function.module, None)
    os.environ.update(environment(module))
    return importlib.import_module(module)
