"""Where the `saga` command finds AWS: where its options say, then where the environment does."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import AWSRequest

from sagactl.local import localstack
from sagactl.stack import aws

LOCAL = f"http://127.0.0.1:{localstack.DEFAULT_PORT}"
ELSEWHERE = "http://192.0.2.1:4566"  # of a range that is nobody's


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """None of the caller's settings, and no client made with another test's."""
    for name in [name for name in os.environ if name.startswith(("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_REGION"))]:
        monkeypatch.delenv(name)
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


@pytest.mark.parametrize("given", [{}, {"AWS_ACCESS_KEY_ID": "mine"}])
def test_localstack_needs_no_credentials(monkeypatch: pytest.MonkeyPatch, given: dict[str, str]) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    where = aws.target(port=4599)
    local = where.environment()
    assert (local["AWS_ACCESS_KEY_ID"], local["AWS_SECRET_ACCESS_KEY"]) == ("test", "test")
    request = AWSRequest("GET", f"{where.endpoint_url}/orders")
    where.sign(request, "execute-api")
    assert "Credential=test/" in request.headers["Authorization"]
