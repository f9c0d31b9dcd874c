"""Where AWS is: LocalStack on this machine, or AWS itself."""

import json
import os
import urllib.request
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from sagactl import localstack
from sagactl.errors import SagaError

STACK_NAME = "saga"
_DUMMIES = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}  # LocalStack checks none


@dataclass(frozen=True)
class Target:
    """An AWS to talk to; without an endpoint it is the real one, with the caller's own credentials."""

    endpoint_url: str | None

    @property
    def is_local(self) -> bool:
        return self.endpoint_url is not None

    def client(self, service: str) -> Any:
        """The boto3 client, the same one each time."""
        return _client(self, service)

    def sign(self, request: AWSRequest, service: str) -> None:
        """Sign an HTTP request to a service with SigV4, as AWS demands and LocalStack does not."""
        session = _session(self)
        SigV4Auth(session.get_credentials(), service, session.region_name).add_auth(request)

    def environment(self) -> dict[str, str]:
        """The environment in which AWS's tools talk to this target too."""
        if self.endpoint_url is None:
            return {name: value for name, value in os.environ.items() if name != "AWS_ENDPOINT_URL"}
        environment = dict(os.environ)
        if "AWS_ACCESS_KEY_ID" not in environment:
            # A profile may need a login, and would tell LocalStack another account.
            environment.pop("AWS_PROFILE", None)
            environment |= _DUMMIES
        return environment | {"AWS_DEFAULT_REGION": _local_region(), "AWS_ENDPOINT_URL": self.endpoint_url}

    def check(self) -> None:
        """Raise SagaError at once if this is LocalStack and nothing answers."""
        if self.endpoint_url is None:
            return
        try:
            with urllib.request.urlopen(f"{self.endpoint_url}/_localstack/health", timeout=5) as answer:  # noqa: S310
                json.load(answer)
        except (OSError, ValueError):
            raise SagaError(f"No LocalStack answers at {self.endpoint_url}", "Start it: saga up") from None


def target(*, aws: bool = False, port: int | None = None) -> Target:
    """AWS itself, or LocalStack at the port, or at AWS_ENDPOINT_URL, or at its usual port."""
    if aws:
        return Target(None)
    if port is not None:
        return Target(f"http://{localstack.HOST}:{port}")
    usual = f"http://{localstack.HOST}:{localstack.DEFAULT_PORT}"
    return Target(os.environ.get("AWS_ENDPOINT_URL", usual).rstrip("/"))


def stack_outputs(where: Target, stack_name: str = STACK_NAME) -> dict[str, str]:
    """The outputs of template.yaml. Raises SagaError if the stack is not deployed there."""
    where.check()
    try:
        stacks = where.client("cloudformation").describe_stacks(StackName=stack_name)["Stacks"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise SagaError(f"AWS refuses: {error}", "Check the credentials and the region") from error
        place = where.endpoint_url or "AWS"
        message = f"There is no stack named {stack_name} at {place}"
        raise SagaError(message, "Deploy it: saga deploy") from None
    except BotoCoreError as error:
        raise SagaError(f"AWS can't be asked: {error}", "Check the credentials and the region") from error
    return {output["OutputKey"]: output["OutputValue"] for output in stacks[0].get("Outputs", [])}


def api_url(where: Target, outputs: dict[str, str]) -> str:
    """The base of the HTTP API, to which /orders is added."""
    if where.is_local:
        # The address in the output is AWS's own; LocalStack serves the API below a path instead.
        return f"{where.endpoint_url}/_aws/execute-api/{outputs['ApiId']}/{outputs['ApiStage']}"
    return outputs["ApiUrl"]


@cache
def _client(where: Target, service: str) -> Any:
    # AWS_ENDPOINT_URL may be set for LocalStack; who asks for AWS means AWS.
    config = Config(max_pool_connections=50, ignore_configured_endpoint_urls=True)  # type: ignore[call-arg]
    return _session(where).client(service, endpoint_url=where.endpoint_url, config=config)


@cache
def _session(where: Target) -> Any:
    # As Any, because boto3's types know no client by a name that is not a literal.
    if not where.is_local:
        return cast("Any", boto3.Session())
    environment = where.environment()
    return cast(
        "Any",
        boto3.Session(
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=environment.get("AWS_SESSION_TOKEN"),
            region_name=_local_region(),
        ),
    )


def _local_region() -> str:
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
