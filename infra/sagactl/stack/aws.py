"""Where AWS is: LocalStack on this machine, or AWS itself.

boto3 takes longer to import than all else together, so it is imported where a client is made.
"""

import json
import os
import urllib.request
from dataclasses import dataclass
from functools import cache
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from sagactl.errors import SagaError
from sagactl.local import localstack

if TYPE_CHECKING:
    from botocore.awsrequest import AWSRequest

STACK_NAME = "saga"
HTTP_PORT = 80
_DUMMIES = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}  # LocalStack checks none


@dataclass(frozen=True)
class Target:
    """The AWS to talk to. Without an endpoint it is AWS itself, with the caller's own credentials."""

    endpoint_url: str | None

    @property
    def is_local(self) -> bool:
        return self.endpoint_url is not None

    @property
    def port(self) -> int:
        """LocalStack's port."""
        return urlsplit(self.endpoint_url or "").port or HTTP_PORT

    def client(self, service: str) -> Any:
        """The boto3 client of a service, made once."""
        return _client(self, service)

    def sign(self, request: "AWSRequest", service: str) -> None:
        """Signs an HTTP request to a service with SigV4, which AWS demands and LocalStack ignores."""
        from botocore.auth import SigV4Auth

        session = _session(self)
        SigV4Auth(session.get_credentials(), service, session.region_name).add_auth(request)

    def environment(self) -> dict[str, str]:
        """The environment variables with which AWS's own tools talk to this target, too."""
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
        """Raises SagaError at once if this is LocalStack and it does not answer."""
        if self.endpoint_url is None:
            return
        try:
            url = f"{self.endpoint_url}/_localstack/health"
            with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310  # the user's own endpoint
                json.load(answer)
        except (OSError, ValueError, HTTPException):
            raise SagaError(f"No LocalStack answers at {self.endpoint_url}", "Start it: saga up") from None


def target(*, aws: bool = False, port: int | None = None) -> Target:
    """Returns AWS itself, or LocalStack at the port, or at AWS_ENDPOINT_URL, or at its usual port.

    Raises SagaError if AWS_ENDPOINT_URL is not a valid address.
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
        raise SagaError(f"AWS_ENDPOINT_URL is not a valid address: {url!r}", f"Set it to {usual}, or unset it")
    return Target(url)


def stack_outputs(where: Target, stack_name: str = STACK_NAME) -> dict[str, str]:
    """Returns the outputs of template.yaml. Raises SagaError if the stack is not deployed there."""
    from botocore.exceptions import BotoCoreError, ClientError

    where.check()
    try:
        stacks = where.client("cloudformation").describe_stacks(StackName=stack_name)["Stacks"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise SagaError(f"AWS refused the request: {error}", "Check the credentials and the region") from error
        place = where.endpoint_url or "AWS"
        message = f"There is no stack named {stack_name} at {place}"
        raise SagaError(message, "Deploy it: saga deploy") from None
    except BotoCoreError as error:
        raise SagaError(f"AWS could not be reached: {error}", "Check the credentials and the region") from error
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stacks[0].get("Outputs", [])}
    if not outputs:
        raise SagaError(
            f"The stack named {stack_name} is {stacks[0]['StackStatus']}",
            "Wait, or deploy again to see why: saga deploy",
        )
    return outputs


def api_url(where: Target, outputs: dict[str, str]) -> str:
    """Returns the base address of the HTTP API, to which /orders is added."""
    if where.is_local:
        # The address in the output is AWS's own; LocalStack serves the API below a path instead.
        return f"{where.endpoint_url}/_aws/execute-api/{outputs['ApiId']}/{outputs['ApiStage']}"
    return outputs["ApiUrl"]


@cache
def _client(where: Target, service: str) -> Any:
    from botocore.config import Config

    # AWS_ENDPOINT_URL may be set for LocalStack; --aws means AWS all the same.
    config = Config(max_pool_connections=50, ignore_configured_endpoint_urls=True)  # type: ignore[call-arg]
    return _session(where).client(service, endpoint_url=where.endpoint_url, config=config)


@cache
def _session(where: Target) -> Any:
    # As Any, because boto3's types know no client by a name that is not a literal.
    import boto3
    import botocore.session

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
