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

from sagactl import environment
from sagactl.errors import SagaError
from sagactl.local import localstack
from sagactl.stack.refusals import aws_refusal

if TYPE_CHECKING:
    from botocore.awsrequest import AWSRequest

STACK_NAME = "saga"
HTTP_PORT = 80
LOCAL_REGION = "us-east-1"
"""LocalStack's region that everything is in, whatever the caller's own is: each command looks where another put it."""
_DUMMY = "test"  # as access key and secret, because LocalStack checks none
_ACCOUNT_DIGITS = 12
_NEVER_CREATED = ("CREATE_FAILED", "DELETE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED")


@dataclass(frozen=True)
class Target:
    """The AWS to talk to, and the name of the stack there.

    Without an endpoint it is AWS itself, with the caller's own credentials.
    """

    endpoint_url: str | None
    stack_name: str = STACK_NAME

    @property
    def is_local(self) -> bool:
        return self.endpoint_url is not None

    @property
    def is_here(self) -> bool:
        """Whether it is on this machine, and so is never asked through a proxy."""
        return environment.is_loopback(urlsplit(self.endpoint_url or "").hostname)

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
        if self.endpoint_url is None:
            region = _own_region()
            named = {"AWS_REGION": region, "AWS_DEFAULT_REGION": region} if region else {}
            return environment.aws() | named
        return environment.internet() | {
            "AWS_ACCESS_KEY_ID": _local_account(),
            "AWS_SECRET_ACCESS_KEY": _DUMMY,
            **environment.NO_AWS_FILES,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_DEFAULT_REGION": LOCAL_REGION,
            "AWS_REGION": LOCAL_REGION,
            "AWS_ENDPOINT_URL": self.endpoint_url,
        }

    def check(self) -> None:
        """Raises SagaError at once if this is LocalStack and it does not answer."""
        if self.endpoint_url is None:
            return
        opener = localstack.direct if self.is_here else urllib.request.build_opener()
        try:
            with opener.open(f"{self.endpoint_url}/_localstack/health", timeout=5) as answer:
                json.load(answer)
        except (OSError, ValueError, HTTPException):
            raise SagaError(f"No LocalStack answers at {self.endpoint_url}", self._how_to_reach()) from None

    def _how_to_reach(self) -> str:
        """Where `saga up` starts it is not where every name and scheme of this machine leads."""
        running = localstack.status(self.port) if self.is_here else None
        return f"One answers at {running.endpoint}: set AWS_ENDPOINT_URL to that" if running else "Start it: saga up"


def target(*, aws: bool = False, port: int | None = None, stack_name: str = STACK_NAME) -> Target:
    """Returns AWS itself, or LocalStack at the port, or at AWS_ENDPOINT_URL, or at its usual port.

    Raises SagaError if AWS_ENDPOINT_URL is not a valid address.
    """
    if aws:
        return Target(None, stack_name)
    if port is not None:
        return Target(f"http://{localstack.HOST}:{port}", stack_name)
    usual = f"http://{localstack.HOST}:{localstack.DEFAULT_PORT}"
    url = (os.environ.get("AWS_ENDPOINT_URL") or usual).rstrip("/")
    try:
        known = urlsplit(url).scheme in {"http", "https"} and urlsplit(url).port != 0
    except ValueError:
        known = False
    if not known:
        raise SagaError(f"AWS_ENDPOINT_URL is not a valid address: {url!r}", f"Set it to {usual}, or unset it")
    return Target(url, stack_name)


def stack_outputs(where: Target) -> dict[str, str]:
    """Returns the outputs of template.yaml. Raises SagaError if the stack is not deployed there."""
    stack = _stack(where)
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
    if not outputs:
        status = stack["StackStatus"]
        raise SagaError(f"The stack named {where.stack_name} is {status}", _remedy(where, status))
    return outputs


def stack_parameters(where: Target) -> dict[str, str]:
    """Returns the values with which the stack was deployed. Raises SagaError if it is not deployed there."""
    parameters = _stack(where).get("Parameters", [])
    return {parameter["ParameterKey"]: parameter["ParameterValue"] for parameter in parameters}


def is_deployed(where: Target) -> bool:
    """Whether a stack of this name is there, in whatever state. Raises nothing if AWS does not answer."""
    try:
        _stack(where)
    except SagaError:
        return False
    return True


def _stack(where: Target) -> dict[str, Any]:
    from botocore.exceptions import BotoCoreError, ClientError

    where.check()
    try:
        stacks = where.client("cloudformation").describe_stacks(StackName=where.stack_name)["Stacks"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise aws_refusal(error) from error
        place = where.endpoint_url or "AWS"
        message = f"There is no stack named {where.stack_name} at {place}"
        raise SagaError(message, "Deploy it: saga deploy") from None
    except BotoCoreError as error:
        raise aws_refusal(error) from error
    found: dict[str, Any] = stacks[0]
    return found


def _remedy(where: Target, status: str) -> str:
    """What to do about a stack without outputs. One whose creation failed can only be deleted."""
    if status.endswith("_IN_PROGRESS"):
        return "Wait until it is deployed"
    if status not in _NEVER_CREATED:
        return "Deploy again to see why: saga deploy"
    if where.is_local:
        return "Start anew: saga down, saga up, saga deploy"
    return f"Delete it, then deploy again: aws cloudformation delete-stack --stack-name {where.stack_name}"


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
    options: Any = {"max_pool_connections": 50, "ignore_configured_endpoint_urls": True}  # its types lack the second
    config = Config(**options)
    if where.is_here:
        config = config.merge(Config(proxies={}))
    return _session(where).client(service, endpoint_url=where.endpoint_url, config=config)


@cache
def _session(where: Target) -> Any:
    # As Any, because boto3's types know no client by a name that is not a literal.
    import boto3

    if where.is_local:
        local = boto3.Session(
            botocore_session=_session_of_nobody(),
            aws_access_key_id=_local_account(),
            aws_secret_access_key=_DUMMY,
            region_name=LOCAL_REGION,
        )
        return cast("Any", local)
    for name in [name for name, value in os.environ.items() if name.startswith("AWS_") and not value]:
        del os.environ[name]  # set to nothing, as in CI without secrets, is not set
    return cast("Any", boto3.Session(region_name=_own_region()))


def _session_of_nobody() -> Any:
    """A session with none of the caller's settings for AWS, neither from variables nor from files."""
    from botocore.session import Session

    defaults = {name: (None, None, default, read) for name, (_, _, default, read) in Session.SESSION_VARIABLES.items()}
    no_file = (None, None, os.devnull, None)
    return Session(defaults | {"config_file": no_file, "credentials_file": no_file})


def _own_region() -> str | None:
    """The region that the caller's variables name. The AWS CLI prefers the first, boto3 knows only the second."""
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")


def _local_account() -> str:
    """The access key for LocalStack: an account's number, by which LocalStack knows accounts, or else none's."""
    given = os.environ.get("AWS_ACCESS_KEY_ID", "")
    return given if len(given) == _ACCOUNT_DIGITS and given.isdecimal() else _DUMMY
