"""Where AWS is: LocalStack on this machine, or AWS itself."""

import json
import os
import urllib.request
from dataclasses import dataclass
from functools import cache
from http.client import HTTPException
from typing import Any, cast
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from sagactl.errors import SagaError
from sagactl.local import localstack

STACK_NAME = "saga"
_DUMMIES = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}  # LocalStack checks none


@dataclass(frozen=True)
class Target:
    """An AWS to talk to; without an endpoint it is the real one, with the caller's own credentials."""

    endpoint_url: str | None

    @property
    def is_local(self) -> bool:
        return self.endpoint_url is not None

    @property
    def port(self) -> int:
        """LocalStack's."""
        return urlsplit(self.endpoint_url or "").port or localstack.DEFAULT_PORT

    def client(self, service: str) -> Any:
        """The boto3 client, the same one each time."""
        return _client(self, service)

    def sign(self, request: AWSRequest, service: str) -> None:
        """Sign an HTTP request to a service with SigV4, as AWS demands and LocalStack does not."""
        session = _session(self)
        SigV4Auth(session.get_credentials(), service, session.region_name).add_auth(request)

    def environment(self) -> dict[str, str]:
        """The environment in which AWS's tools talk to this target too."""
        endpoints = ("AWS_ENDPOINT_URL", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")  # and AWS_ENDPOINT_URL_S3 and the like
        environment = {name: value for name, value in os.environ.items() if not name.startswith(endpoints)}
        if self.endpoint_url is None:
            return environment | {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}
        # A profile may need a login, and would tell LocalStack another account.
        environment.pop("AWS_PROFILE", None)
        if not _DUMMIES.keys() <= environment.keys():
            environment |= _DUMMIES
        return environment | {"AWS_DEFAULT_REGION": _local_region(), "AWS_ENDPOINT_URL": self.endpoint_url}

    def check(self) -> None:
        """Raise SagaError at once if this is LocalStack and nothing answers."""
        if self.endpoint_url is None:
            return
        try:
            url = f"{self.endpoint_url}/_localstack/health"
            with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310  # the user's own endpoint
                json.load(answer)
        except (OSError, ValueError, HTTPException):
            raise SagaError(f"No LocalStack answers at {self.endpoint_url}", "Start it: saga up") from None


def target(*, aws: bool = False, port: int | None = None) -> Target:
    """AWS itself, or LocalStack at the port, or at AWS_ENDPOINT_URL, or at its usual port.

    Raises SagaError if AWS_ENDPOINT_URL is no address.
    """
    if aws:
        return Target(None)
    if port is not None:
        return Target(f"http://{localstack.HOST}:{port}")
    usual = f"http://{localstack.HOST}:{localstack.DEFAULT_PORT}"
    url = (os.environ.get("AWS_ENDPOINT_URL") or usual).rstrip("/")
    try:
        known = urlsplit(url).scheme in {"http", "https"} and urlsplit(url).port != 0
    except ValueError:
        known = False
    if not known:
        raise SagaError(f"AWS_ENDPOINT_URL is no address: {url!r}", f"Set it to {usual}, or unset it")
    return Target(url)


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
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stacks[0].get("Outputs", [])}
    if not outputs:
        raise SagaError(f"The stack named {stack_name} is {stacks[0]['StackStatus']}", "Wait, or see why: saga deploy")
    return outputs


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
    without_profile = botocore.session.Session({"profile": (None, None, None, None)})  # whatever AWS_PROFILE says
    return cast(
        "Any",
        boto3.Session(
            botocore_session=without_profile,
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=environment.get("AWS_SESSION_TOKEN"),
            region_name=_local_region(),
        ),
    )


def _local_region() -> str:
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
