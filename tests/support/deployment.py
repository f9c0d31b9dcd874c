"""What tests need to know of the deployment is read in template.yaml, never retyped."""

import os
import socket

from sagactl.design.template import TEMPLATE, resources
from sagactl.local.loading import CONTEXT, load, tables
from sagactl.local.loading import environment as environment_of
from sagactl.paths import PROJECT

__all__ = ["CONTEXT", "PROJECT", "TEMPLATE", "environment", "free_port", "load", "resources", "tables"]

# Whoever tests a function reaches no AWS account with it, and no LocalStack that the README had them name.
for name in [name for name in os.environ if name.startswith("AWS_ENDPOINT_URL")]:
    del os.environ[name]
os.environ |= {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",  # pragma: allowlist secret  # it is none
    "AWS_DEFAULT_REGION": "us-east-1",
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def environment(handler: str) -> dict[str, str]:
    return environment_of(handler.removesuffix(".handler"))
