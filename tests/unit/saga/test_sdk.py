"""Every function calls AWS by one configuration, which gives up before Lambda does."""

from typing import Any
from unittest.mock import patch

import pytest

from saga.sdk import ATTEMPTS, CONFIG, CONNECT_SECONDS, PAUSES_SECONDS_MAX, READ_SECONDS
from sagactl.design.template import TEMPLATE, functions
from sagactl.local.functions import load

FUNCTIONS = {function.module: function for function in functions()}


@pytest.mark.parametrize("module", FUNCTIONS)
def test_a_call_that_hangs_is_given_up_before_the_function_is(module: str) -> None:
    timeout = FUNCTIONS[module].properties.get("Timeout", TEMPLATE["Globals"]["Function"]["Timeout"])
    assert timeout > ATTEMPTS * (CONNECT_SECONDS + READ_SECONDS) + PAUSES_SECONDS_MAX


@pytest.mark.parametrize("module", FUNCTIONS)
def test_every_client_has_the_configuration(module: str) -> None:
    with patch("boto3.client") as client:
        load(module)
    assert client.call_count
    assert all(call.kwargs == {"config": CONFIG} for call in client.call_args_list)


def test_the_configuration_is_as_it_says() -> None:
    config: Any = CONFIG
    assert (config.connect_timeout, config.read_timeout) == (CONNECT_SECONDS, READ_SECONDS)
    assert config.retries == {"mode": "standard", "total_max_attempts": ATTEMPTS}
    assert sum(2**retry for retry in range(ATTEMPTS - 1)) == PAUSES_SECONDS_MAX


@pytest.mark.parametrize(("module", "threads"), [("journal.app", "WRITERS"), ("order.watchdog", "WORKERS")])
def test_each_thread_has_a_connection(module: str, threads: str) -> None:
    config: Any = CONFIG
    with patch("boto3.client"):
        assert getattr(load(module), threads) <= config.max_pool_connections
