"""Functions that run in this process find no setting of the caller's."""

import os

import pytest

from sagactl.local import functions


def test_the_callers_settings_are_back_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    foreign = {"AWS_PROFILE": "mine", "AWS_MAX_ATTEMPTS": "none", "POWERTOOLS_DEV": "1", "HTTP_PROXY": "http://a"}
    for name, value in foreign.items():
        monkeypatch.setenv(name, value)
    before = dict(os.environ)
    with functions.nobodys_shell({"AWS_DEFAULT_REGION": "us-east-1"}):
        assert os.environ["AWS_DEFAULT_REGION"] == "us-east-1"
        assert os.environ["AWS_CONFIG_FILE"] == os.devnull
        assert not foreign.keys() & os.environ.keys()
    assert dict(os.environ) == before


def test_a_function_finds_no_variable_of_another() -> None:
    functions.load("payment.app")
    assert "PAYMENT_LIMIT" in os.environ
    functions.load("shipping.app")
    assert "PAYMENT_LIMIT" not in os.environ
