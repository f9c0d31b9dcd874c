"""The functions run here, without being deployed: modules, variables and tables as template.yaml has them."""

import importlib
import os
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

from saga import observe
from sagactl.design.template import TEMPLATE, functions, resources

CONTEXT = SimpleNamespace(
    function_name="local",
    memory_limit_in_mb=512,
    invoked_function_arn="arn:aws:lambda:us-east-1:000000000000:function:local",
    aws_request_id="00000000-0000-4000-8000-000000000000",
)
"""What Lambda hands to a handler beside the event."""


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


class _Stdout:
    """Whatever the standard output is by now: it may have been redirected since the logger was made."""

    def write(self, text: str) -> int:
        return sys.stdout.write(text)

    def flush(self) -> None:
        sys.stdout.flush()


def log_to_stdout() -> None:
    """The functions' logs go where their metrics go."""
    observe.logger.registered_handler.setStream(_Stdout())  # type: ignore[attr-defined]  # it is a StreamHandler


def load(module: str) -> ModuleType:
    """Imports a function's module anew, as a cold start does, with its own environment."""
    log_to_stdout()
    for function in functions():
        sys.modules.pop(function.module, None)
    os.environ.update(environment(module))
    return importlib.import_module(module)
