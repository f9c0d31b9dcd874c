"""What LocalStack takes longer for than it need while a stack is deployed, and what fails when two ask at once."""

import functools
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import boto3
from botocore.loaders import JSONFileLoader
from cachetools import TTLCache
from localstack.runtime import hooks
from localstack.services.cloudformation.resource_provider import ResourceProviderExecutor
from localstack.services.dynamodb import utils as dynamodb_utils
from localstack.services.dynamodb.server import DynamodbServer
from localstack.services.lambda_.invocation import lambda_models
from localstack.utils.aws import aws_stack
from werkzeug.routing import Rule

_RESOURCE_TIMEOUT_SECONDS = 300
_PAUSE_SECONDS = 0.1


class _Locked(TTLCache):
    """A cache that several threads may use."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._lock = threading.RLock()

    def get(self, *arguments: Any) -> Any:
        with self._lock:
            return super().get(*arguments)

    def pop(self, *arguments: Any) -> Any:
        with self._lock:
            return super().pop(*arguments)

    def __setitem__(self, key: Any, value: Any) -> None:
        with self._lock:
            super().__setitem__(key, value)


def _at_first_call(compile_builder: Callable[..., Callable[..., Any]]) -> Callable[..., Callable[..., Any]]:
    def builder(_: Rule, append_unknown: bool = True) -> Callable[..., Any]:
        return lambda rule, **values: compile_builder(rule, append_unknown)(rule, **values)

    return builder


def _once_for_each_path(load_file: Callable[[JSONFileLoader, str], Any]) -> Callable[[JSONFileLoader, str], Any]:
    once = functools.cache(functools.partial(load_file, JSONFileLoader()))
    return lambda _, path: once(path)


@hooks.on_infra_start()
def apply() -> None:
    # Queries of an index that come at once broke the cache of the tables' schemas: all later ones failed with KeyError.
    dynamodb_utils.SCHEMA_CACHE = _Locked(maxsize=50, ttl=20)
    # CloudFormation looks whether a new resource is ready, and pauses: a second, while a function takes half of one.
    ResourceProviderExecutor.deploy_loop.__defaults__ = (_RESOURCE_TIMEOUT_SECONDS, _PAUSE_SECONDS)
    # At each look, Lambda made a client of S3 to sign the address of the code. That takes a tenth of a second.
    lambda_models.boto3 = SimpleNamespace(client=functools.cache(boto3.client))
    # LocalStack made a session for each service, to list its regions.
    aws_stack.boto3 = SimpleNamespace(Session=functools.cache(boto3.Session), session=boto3.session)
    # Each session reads the models of AWS's services anew, and there are many sessions.
    JSONFileLoader.load_file = _once_for_each_path(JSONFileLoader.load_file)
    # For each route it compiles a function that makes URLs, and hardly ever calls one.
    Rule._compile_builder = _at_first_call(Rule._compile_builder)


@hooks.on_infra_start()
def start_dynamodb() -> None:
    """Starts DynamoDB Local while LocalStack itself still starts, not at its first call: Java takes seconds."""
    threading.Thread(target=DynamodbServer.get().start_dynamodb, daemon=True).start()
