"""What a command fails with that AWS refuses: one line, which says what to do."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore import exceptions as sdk
from typer.testing import CliRunner

from sagactl.cli import app
from sagactl.commands import url
from sagactl.errors import SagaError

LOG_IN = "Log in: aws sso login, or aws configure"


def answered(code: str, message: str = "", status: int = 400) -> sdk.ClientError:
    metadata: Any = {"HTTPStatusCode": status}
    return sdk.ClientError({"Error": {"Code": code, "Message": message}, "ResponseMetadata": metadata}, "ListTables")


@pytest.mark.parametrize(
    ("error", "message", "remedy"),
    [
        (
            sdk.EndpointConnectionError(endpoint_url="http://127.0.0.1:4599/"),
            "No LocalStack answers any more at http://127.0.0.1:4599",
            "Start it: saga up",
        ),
        (
            sdk.ReadTimeoutError(endpoint_url="http://localhost:4599/2015-03-31/functions"),
            "No LocalStack answers any more at http://localhost:4599",
            "Start it: saga up",
        ),
        (
            sdk.EndpointConnectionError(endpoint_url="https://sqs.nowhere-1.amazonaws.com/"),
            'AWS can\'t be reached: Could not connect to the endpoint URL: "https://sqs.nowhere-1.amazonaws.com/"',
            "Check the network, the proxy and the region",
        ),
        (
            sdk.ProxyConnectionError(proxy_url="http://192.0.2.1:9"),
            'AWS can\'t be reached: Failed to connect to proxy URL: "http://192.0.2.1:9"',
            "Check the network, the proxy and the region",
        ),
        (sdk.NoCredentialsError(), "AWS can't be asked: Unable to locate credentials", LOG_IN),
        (
            sdk.TokenRetrievalError(provider="sso", error_msg="Token has expired\nand refresh failed"),
            "AWS can't be asked: Error when retrieving token from sso: Token has expired and refresh failed",
            LOG_IN,
        ),
        (
            sdk.ProfileNotFound(profile="mine"),
            "AWS can't be asked: The config profile (mine) could not be found",
            "Check AWS_PROFILE, AWS_REGION and ~/.aws/config",
        ),
        (answered("ExpiredToken", "It is expired."), "AWS refused ListTables: ExpiredToken: It is expired", LOG_IN),
        (
            answered("ThrottlingException"),
            "AWS refused ListTables: ThrottlingException",
            "Wait a moment, and try again",
        ),
        (
            answered("AccessDeniedException", "User: x is not authorized"),
            "AWS refused ListTables: AccessDeniedException: User: x is not authorized",
            "Ask for this permission, or choose another AWS_PROFILE",
        ),
        (
            answered("ResourceNotFoundException", "Requested resource not found"),
            "AWS refused ListTables: ResourceNotFoundException: Requested resource not found",
            "Look whether the stack is still there: saga url",
        ),
        (
            answered("InternalError", "gave up waiting for\nservice dynamodb", 500),
            "AWS refused ListTables: InternalError: gave up waiting for service dynamodb",
            "Try again; if it is LocalStack, its log is in .saga/localstack",
        ),
        (
            answered("OptInRequired"),
            "AWS refused ListTables: OptInRequired",
            "Check the credentials and the region",
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_aws_refuses_is_one_line(
    monkeypatch: pytest.MonkeyPatch, error: Exception, message: str, remedy: str
) -> None:
    monkeypatch.setattr(url, "find", raising(error))
    ran = CliRunner().invoke(app, ["url"])
    assert (ran.exit_code, ran.stdout, ran.stderr) == (1, "", f"error: {message}. {remedy}.\n")


def test_nothing_that_an_event_says_in_an_error_is_obeyed_by_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(url, "find", raising(SagaError("2 IDs start with 'abcdef': abcdef\x1b[2J", "Give more")))
    ran = CliRunner().invoke(app, ["url"])
    assert ran.stderr == "error: 2 IDs start with 'abcdef': abcdef [2J. Give more.\n"


def test_a_fault_of_the_command_itself_is_shown_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(url, "find", raising(LookupError("mine")))
    assert isinstance(CliRunner().invoke(app, ["url"]).exception, LookupError)


def raising(error: Exception) -> Callable[..., None]:
    def answer(**_: object) -> None:
        raise error

    return answer
