"""The deployment as template.yaml states it: what tests need to know of it is read there, never retyped."""

import importlib
import os
import socket
import sys
from types import ModuleType
from typing import Any

from sagactl.paths import PROJECT
from sagactl.template import TEMPLATE, resources

__all__ = ["PROJECT", "TEMPLATE", "environment", "free_port", "load", "resources", "tables"]

# Whoever tests a function reaches no AWS account with it, and no LocalStack that the README had them name.
for name in [name for name in os.environ if name.startswith("AWS_ENDPOINT_URL")]:
    del os.environ[name]
os.environ |= {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",  # pragma: allowlist secret  # it is none
    "AWS_DEFAULT_REGION": "us-east-1",
    "POWERTOOLS_METRICS_NAMESPACE": "Saga",
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def environment(handler: str) -> dict[str, str]:
    """A function's variables: a parameter has its default, and a resource is named by its logical id."""
    own = next(f for f in resources("AWS::Serverless::Function").values() if f["Handler"] == handler)
    shared = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]
    variables = shared | own["Environment"]["Variables"]
    return {name: _value(value) for name, value in variables.items() if value != {"Ref": "AWS::NoValue"}}


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
    handlers = [function["Handler"] for function in resources("AWS::Serverless::Function").values()]
    for handler in handlers:
        sys.modules.pop(handler.removesuffix(".handler"), None)
    os.environ.update(environment(f"{module}.handler"))
    return importlib.import_module(module)
