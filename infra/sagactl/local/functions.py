"""Runs the functions in this process, without deploying them: with the variables and tables that template.yaml has."""

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import patch

from saga import observe
from sagactl import environment as process_environment
from sagactl.design.template import TEMPLATE, functions, resources

CONTEXT = SimpleNamespace(
    function_name="local",
    memory_limit_in_mb=512,
    invoked_function_arn="arn:aws:lambda:us-east-1:000000000000:function:local",
    aws_request_id="00000000-0000-4000-8000-000000000000",
    get_remaining_time_in_millis=lambda: 60_000,
)
"""What Lambda passes to a handler besides the event."""


def environment(module: str) -> dict[str, str]:
    """Returns a function's variables. A parameter has its default, and a resource its logical ID."""
    own = next(function for function in functions() if function.module == module)
    return {name: _text(value) for name, value in own.variables.items() if value != {"Ref": "AWS::NoValue"}}


def _text(value: Any) -> str:
    if not isinstance(value, dict):
        return str(value)
    name: str = value["Ref"]
    parameter = TEMPLATE["Parameters"].get(name, {})
    return str(parameter.get("Default", name))


@contextmanager
def nobodys_shell(settings: dict[str, str]) -> Iterator[None]:
    """Within the block, functions in this process find no setting of the caller's, but these; as in Lambda."""
    own = process_environment.machine() | process_environment.no_proxy() | process_environment.NO_AWS_FILES
    with patch.dict(os.environ, own | settings, clear=True):
        yield


def tables() -> list[dict[str, Any]]:
    """Returns the arguments of CreateTable for every table, without what only an upgrade needs."""
    taken = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
    found = []
    for name, table in resources("AWS::DynamoDB::Table").items():
        properties = {key: _always(table[key]) for key in taken if key in table}
        found.append({"TableName": name} | properties)
    return found


def _always(value: Any) -> Any:
    """Leaves out of a list what is there under a condition."""
    if not isinstance(value, list):
        return value
    return [one for one in value if "If" not in one]


class _Stdout:
    """Writes to what sys.stdout is at that moment: it may be another file than when the logger was made."""

    def write(self, text: str) -> int:
        return sys.stdout.write(text)

    def flush(self) -> None:
        sys.stdout.flush()


def log_to_stdout() -> None:
    """Sends the functions' logs to the standard output, where their metrics go."""
    observe.logger.registered_handler.setStream(_Stdout())  # type: ignore[attr-defined]  # it is a StreamHandler


def load(module: str) -> ModuleType:
    """Imports a function's module again, as a cold start does, with its own environment."""
    log_to_stdout()
    for function in functions():
        sys.modules.pop(function.module, None)
        for name in environment(function.module):
            os.environ.pop(name, None)
    os.environ.update(environment(module))
    return importlib.import_module(module)
