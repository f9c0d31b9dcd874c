"""What a cold start is compared with: the clients that the function makes, and no others. And of which build."""

import fcntl
import os
from pathlib import Path

import pytest

from sagactl.bench import cold_start
from sagactl.commands.bench import cold_start as command
from sagactl.local import locks
from sagactl.paths import PROJECT


def test_a_client_is_seen_whatever_it_is_made_with() -> None:
    own = 'boto3.client("dynamodb", config=None)'
    _, text = cold_start._run(cold_start._PRINT_CLIENTS.format(own=own), PROJECT, cold_start._SETTINGS)
    assert text.split() == ["dynamodb"]


def test_no_file_of_the_users_is_read() -> None:
    """A process without a HOME finds the user's all the same."""
    code = "from botocore.session import Session\nfor name in ('config', 'credentials'):"
    code += "print(Session().get_config_variable(f'{name}_file'))"
    _, text = cold_start._run(code, PROJECT, cold_start._SETTINGS)
    assert text.split() == [os.devnull, os.devnull]


def test_no_deployment_replaces_what_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both build, and a build empties the folder that the other reads."""

    def measure_while_a_deployment_waits(*_: object) -> None:
        with (tmp_path / "locks/build").open("w") as lock, pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        raise _Measured

    monkeypatch.setattr(locks, "STATE", tmp_path)
    monkeypatch.setattr(command, "_build", lambda _source: None)
    monkeypatch.setattr(command, "_measured", measure_while_a_deployment_waits)
    with pytest.raises(_Measured):
        command.cold_start()


class _Measured(Exception):
    pass
