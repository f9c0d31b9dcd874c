"""Where the `saga` command finds AWS: where its options say, then where the environment does."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import OpenerDirector

import pytest
from botocore.awsrequest import AWSRequest

from sagactl.errors import SagaError
from sagactl.local import localstack
from sagactl.stack import aws

LOCAL = f"http://127.0.0.1:{localstack.DEFAULT_PORT}"
ELSEWHERE = "http://192.0.2.1:4566"  # of a range that is nobody's


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """None of the caller's settings, and no client made with another test's."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in [name for name in os.environ if name.startswith("AWS_") or name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    for name, value in {"DEFAULT_REGION": "us-east-1", "ACCESS_KEY_ID": "mine", "SECRET_ACCESS_KEY": "mine"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    for made in (aws._client, aws._session):
        made.cache_clear()
    yield
    for made in (aws._client, aws._session):
        made.cache_clear()


@pytest.mark.parametrize(
    ("options", "variable", "endpoint"),
    [
        ({"aws": True, "port": 4599}, ELSEWHERE, None),
        ({"aws": True}, ELSEWHERE, None),
        ({"port": 4599}, ELSEWHERE, "http://127.0.0.1:4599"),
        ({}, ELSEWHERE, ELSEWHERE),
        ({}, f"{ELSEWHERE}/", ELSEWHERE),
        ({}, "", LOCAL),
        ({}, None, LOCAL),
    ],
)
def test_aws_is_where_options_say_then_the_environment(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], variable: str | None, endpoint: str | None
) -> None:
    if variable is not None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", variable)
    where = aws.target(**options)
    assert (where.endpoint_url, where.is_local) == (endpoint, endpoint is not None)


@pytest.mark.parametrize("endpoint", ["https://localhost:4599", "http://[::1]:4599", "http://127.0.0.2:4599"])
@pytest.mark.parametrize(
    ("running", "remedy"),
    [
        (
            localstack.Instance(4599, "4.14.0", None),
            "One answers at http://127.0.0.1:4599: set AWS_ENDPOINT_URL to that",
        ),
        (None, "Start it: saga up"),
    ],
)
def test_an_endpoint_that_does_not_lead_to_the_localstack_here_is_told_the_one_that_does(
    monkeypatch: pytest.MonkeyPatch, endpoint: str, running: localstack.Instance | None, remedy: str
) -> None:
    monkeypatch.setattr(localstack, "status", lambda _: running)
    monkeypatch.setattr(OpenerDirector, "open", refused)
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    with pytest.raises(SagaError) as raised:
        aws.target().check()
    assert (raised.value.message, raised.value.remedy) == (f"No LocalStack answers at {endpoint}", remedy)


def refused(*_: object, **__: object) -> None:
    raise ConnectionRefusedError


@pytest.fixture
def misled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Everything that may lead AWS's tools elsewhere does."""
    config = tmp_path / "config"
    config.write_text(f"[profile mine]\nregion = eu-west-1\nendpoint_url = {ELSEWHERE}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_PROFILE", "mine")
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_CLOUDFORMATION"):
        monkeypatch.setenv(name, ELSEWHERE)


@pytest.mark.usefixtures("misled")
@pytest.mark.parametrize("service", ["cloudformation", "dynamodb", "events", "lambda", "sqs"])
def test_aws_itself_is_never_the_endpoint_of_the_environment(service: str) -> None:
    url = aws.target(aws=True).client(service).meta.endpoint_url
    assert url.startswith(f"https://{service}.")
    assert url.endswith(".amazonaws.com")


@pytest.mark.usefixtures("misled")
@pytest.mark.parametrize("service", ["cloudformation", "dynamodb"])
def test_localstack_is_asked_with_no_profile(monkeypatch: pytest.MonkeyPatch, service: str) -> None:
    monkeypatch.setenv("AWS_PROFILE", "unknown")
    client = aws.target(port=4599).client(service)
    assert (client.meta.endpoint_url, client.meta.region_name) == ("http://127.0.0.1:4599", "us-east-1")


@pytest.mark.usefixtures("misled")
def test_tools_are_told_the_same() -> None:
    at_aws = aws.target(aws=True).environment()
    assert [name for name in at_aws if name.startswith("AWS_ENDPOINT_URL")] == []
    assert (at_aws["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"], at_aws["AWS_PROFILE"]) == ("true", "mine")
    local = aws.target(port=4599).environment()
    endpoints = {name: value for name, value in local.items() if name.startswith("AWS_ENDPOINT_URL")}
    assert endpoints == {"AWS_ENDPOINT_URL": "http://127.0.0.1:4599"}
    assert "AWS_PROFILE" not in local


@pytest.mark.parametrize(
    ("given", "account"),
    [
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "test"),
        ({"AWS_ACCESS_KEY_ID": "AKIAMINE", "AWS_SECRET_ACCESS_KEY": "mine", "AWS_SESSION_TOKEN": "mine"}, "test"),
        ({"AWS_ACCESS_KEY_ID": "200000000002"}, "200000000002"),
    ],
)
def test_localstack_needs_no_credentials_and_is_told_none(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], account: str
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    where = aws.target(port=4599)
    local = where.environment()
    assert (local["AWS_ACCESS_KEY_ID"], local["AWS_SECRET_ACCESS_KEY"]) == (account, "test")
    assert "AWS_SESSION_TOKEN" not in local
    request = AWSRequest("GET", f"{where.endpoint_url}/orders")
    where.sign(request, "execute-api")
    assert f"Credential={account}/" in request.headers["Authorization"]
    assert "X-Amz-Security-Token" not in request.headers


@pytest.mark.parametrize("name", ["AWS_REGION", "AWS_DEFAULT_REGION"])
def test_localstack_has_one_region_whatever_the_callers_is(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "eu-west-1")
    local = aws.target(port=4599)
    assert local.client("events").meta.region_name == "us-east-1"
    assert {local.environment()[region] for region in ("AWS_REGION", "AWS_DEFAULT_REGION")} == {"us-east-1"}


def test_aws_has_the_region_that_the_aws_cli_prefers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    at_aws = aws.target(aws=True)
    assert at_aws.client("events").meta.region_name == "eu-west-1"
    assert {at_aws.environment()[region] for region in ("AWS_REGION", "AWS_DEFAULT_REGION")} == {"eu-west-1"}


HOSTILE = {
    "AWS_CONFIG_FILE": "/proc/self/status",  # nothing that can be parsed
    "AWS_MAX_ATTEMPTS": "none",
    "AWS_RETRY_MODE": "unheard of",
    "AWS_SHARED_CREDENTIALS_FILE": "/proc/self/status",
    "AWS_USE_DUALSTACK_ENDPOINT": "true",
    "AWS_USE_FIPS_ENDPOINT": "true",
    "AWS_CA_BUNDLE": "/nowhere.pem",
    "AWS_DATA_PATH": "/nowhere",
    "HTTP_PROXY": "http://192.0.2.1:9",
    "ALL_PROXY": "socks5://192.0.2.1:9",
}


@pytest.mark.parametrize("service", ["cloudformation", "dynamodb", "s3"])
def test_localstack_is_asked_with_no_setting_of_the_callers(monkeypatch: pytest.MonkeyPatch, service: str) -> None:
    for name, value in HOSTILE.items():
        monkeypatch.setenv(name, value)
    asked: list[AWSRequest] = []

    def answer(request: AWSRequest, **_: object) -> None:
        asked.append(request)
        raise LookupError

    where = aws.target(port=4599)
    client = where.client(service)
    assert not client.meta.config.proxies
    client.meta.events.register("before-send", answer)
    operation = {"cloudformation": "list_stacks", "dynamodb": "list_tables", "s3": "list_buckets"}[service]
    with pytest.raises(LookupError):
        getattr(client, operation)()
    assert str(asked[0].url).startswith("http://127.0.0.1:4599/")
    passed = where.environment()
    assert {name for name in HOSTILE if passed.get(name) == HOSTILE[name]} <= {"HTTP_PROXY", "ALL_PROXY"}


@pytest.mark.parametrize("name", ["AWS_PROFILE", "AWS_REGION", "AWS_CA_BUNDLE", "AWS_MAX_ATTEMPTS", "AWS_CONFIG_FILE"])
def test_what_is_set_to_nothing_is_not_set(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "")
    at_aws = aws.target(aws=True)
    assert at_aws.client("events").meta.region_name == "us-east-1"
    assert name not in at_aws.environment() or at_aws.environment()[name] == "us-east-1"
