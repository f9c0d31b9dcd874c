"""What tests need to know of the deployment is read in template.yaml, never retyped."""

import socket

from support.isolation import isolate

from sagactl.design.template import TEMPLATE, resources
from sagactl.local.loading import CONTEXT, load, tables
from sagactl.local.loading import environment as environment_of
from sagactl.paths import PROJECT

__all__ = ["CONTEXT", "PROJECT", "TEMPLATE", "environment", "free_port", "load", "resources", "tables"]

isolate()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def environment(handler: str) -> dict[str, str]:
    return environment_of(handler.removesuffix(".handler"))
