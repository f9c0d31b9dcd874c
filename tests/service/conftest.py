"""Functions as Lambda runs them, on moto."""

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import boto3
import pytest
from moto import mock_aws
from support.emulation import Function, Heard, create_tables

from sagactl.local.functions import load


@pytest.fixture(scope="module")
def heard() -> Iterator[Heard]:
    """The deployment, empty at first, and what is told in it."""
    with mock_aws():
        create_tables(boto3.client("dynamodb"))
        yield Heard()


@pytest.fixture(scope="module")
def function(heard: Heard) -> Function:  # noqa: ARG001  # it runs where that is
    """Loads a function's module; it is warm from then on, and never pauses."""
    warm: dict[str, ModuleType] = {}

    def function(name: str) -> Any:
        if name not in warm:
            warm[name] = module = load(name)
            service = getattr(module, "service", None)
            for waits in (service, getattr(service, "bus", None), getattr(module, "bus", None)):
                if waits:
                    waits._pause = lambda _seconds: None
        return warm[name]

    return function
