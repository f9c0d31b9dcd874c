"""What is passed on to the programs that are started here: nothing but what its list names."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from sagactl import environment

FOREIGN = (
    "AWS_PROFILE",
    "BASH_ENV",
    "CDPATH",
    "CLASSPATH",
    "DEBUG",
    "GIT_DIR",
    "GREP_OPTIONS",
    "JAVA_TOOL_OPTIONS",
    "LANG",
    "MAKEFLAGS",
    "NODE_OPTIONS",
    "PIP_USER",
    "PYTHONPATH",
    "SAM_CLI_BETA_FEATURES",
    "SERVICES",
    "TZ",
    "UV_OFFLINE",
    "VIRTUAL_ENV",
    "npm_config_global",
)


@pytest.fixture(autouse=True)
def caller(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """Someone whose shell has much in it, and nothing that is passed on but what a test sets."""
    for name in list(os.environ):
        monkeypatch.delenv(name)
    for name in FOREIGN:
        monkeypatch.setenv(name, "of another project")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", "/usr/bin")
    return monkeypatch


@pytest.mark.parametrize("made", [environment.machine, environment.internet, environment.code])
def test_no_setting_of_another_project_is_passed_on(made: Callable[[], dict[str, str]]) -> None:
    passed = made()
    assert {"HOME", "PATH", "TMPDIR", "LC_ALL"} <= passed.keys()
    assert "of another project" not in passed.values()


def test_what_is_set_to_nothing_is_not_set(caller: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "HTTPS_PROXY", "TERM"):
        caller.setenv(name, "")
        assert name not in environment.aws()


def test_python_finds_its_library(caller: pytest.MonkeyPatch) -> None:
    caller.setenv("LD_LIBRARY_PATH", "/opt/python/lib")
    assert environment.machine()["LD_LIBRARY_PATH"] == "/opt/python/lib"


@pytest.mark.parametrize("name", ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"])
def test_only_who_goes_to_the_internet_is_told_of_a_proxy(caller: pytest.MonkeyPatch, name: str) -> None:
    caller.setenv(name, "http://proxy.example:3128")
    assert name not in environment.machine()
    assert environment.internet()[name] == "http://proxy.example:3128"


@pytest.mark.parametrize(
    ("given", "passed"),
    [
        ({}, "127.0.0.1,localhost,::1,localhost.localstack.cloud"),
        ({"NO_PROXY": "localhost"}, "localhost,127.0.0.1,::1,localhost.localstack.cloud"),
        ({"no_proxy": "a.example"}, "a.example,127.0.0.1,localhost,::1,localhost.localstack.cloud"),
        (
            {"no_proxy": "a.example,b.example", "NO_PROXY": "c.example"},
            "a.example,b.example,c.example,127.0.0.1,localhost,::1,localhost.localstack.cloud",
        ),
        ({"NO_PROXY": "*"}, "*"),
    ],
)
def test_this_machine_is_never_asked_through_a_proxy(
    caller: pytest.MonkeyPatch, given: dict[str, str], passed: str
) -> None:
    for name, value in given.items():
        caller.setenv(name, value)
    assert environment.no_proxy() == {"NO_PROXY": passed, "no_proxy": passed}
    assert environment.internet().items() >= environment.no_proxy().items()


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("localhost", True),
        ("LOCALHOST", True),
        ("::1", True),
        ("s3.localhost", True),
        ("localhost.localstack.cloud", True),
        ("localhost.example", False),
        ("192.0.2.1", False),
        ("127.example", False),
        (None, False),
    ],
)
def test_what_is_this_machine(host: str | None, here: bool) -> None:
    assert environment.is_loopback(host) == here


@pytest.mark.parametrize("home", [None, "", "/nowhere", "/proc/1/nothing"])
def test_a_home_that_cannot_be_written_to_is_replaced(
    caller: pytest.MonkeyPatch, tmp_path: Path, home: str | None
) -> None:
    caller.setattr(environment, "STATE", tmp_path / "state")
    caller.delenv("HOME")
    if home is not None:
        caller.setenv("HOME", home)
    assert environment.machine()["HOME"] == str(tmp_path / "state/home")
    assert (tmp_path / "state/home").is_dir()


def test_aws_knows_the_caller_and_no_endpoint_of_theirs(caller: pytest.MonkeyPatch) -> None:
    own = {"AWS_PROFILE": "mine", "AWS_CA_BUNDLE": "/ca.pem", "AWS_ROLE_ARN": "arn"}
    for name, value in (own | {"AWS_ENDPOINT_URL": "http://a", "AWS_ENDPOINT_URL_S3": "http://b"}).items():
        caller.setenv(name, value)
    passed = environment.aws()
    assert passed.items() >= (own | {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}).items()
    assert not [name for name in passed if name.startswith("AWS_ENDPOINT_URL")]
