"""Tests, and what they start, find nothing that the user has set up for AWS, and ask this machine through no proxy."""

import ast
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from support import isolation
from support.documents import shell_of_a_reader

from sagactl.paths import PROJECT

CLIENT = """
from support.isolation import isolate
isolate()
import boto3
client = boto3.client("events")
print(client.meta.endpoint_url, client.meta.config.retries, boto3.Session().get_credentials().access_key)
"""
PROGRAMS = sorted(f"{path.parent.name}.__main__" for path in (PROJECT / "tests").glob("*/__main__.py"))
ELSEWHERE = "[default]\nregion = eu-west-1\nendpoint_url = http://localhost:9\nretry_mode = legacy\n"


def run(code: str, home: Path) -> "subprocess.CompletedProcess[str]":
    own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    own |= {"HOME": str(home), "PYTHONPATH": str(PROJECT / "tests")}
    return subprocess.run([sys.executable, "-c", code], env=own, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("file", ["config", "credentials"])
@pytest.mark.parametrize("contents", [ELSEWHERE, "[broken"])
def test_no_file_of_the_users_changes_a_client(tmp_path: Path, file: str, contents: str) -> None:
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / file).write_text(contents)
    ran = run(CLIENT, tmp_path)
    assert ran.stdout == "https://events.us-east-1.amazonaws.com {'mode': 'standard'} testing\n", ran.stderr


@pytest.mark.parametrize("program", PROGRAMS)
def test_no_program_makes_a_session_before_it_is_isolated(tmp_path: Path, program: str) -> None:
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws/config").write_text("[broken")
    ran = run(f"import {program}", tmp_path)
    assert ran.returncode == 0, ran.stderr


def test_neither_does_one_change_what_a_reader_of_the_documentation_runs() -> None:
    shell = shell_of_a_reader(4599)
    assert shell["AWS_CONFIG_FILE"] == shell["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull


def test_httpx_reads_no_proxy() -> None:
    """With one that it does not know, such as socks5h, it makes no client, even for what is on this machine."""
    calls = [call for path in (PROJECT / "tests").rglob("*.py") for call in asking(path)]
    assert calls
    assert [place for place, options in calls if "trust_env" not in options] == []


def asking(path: Path) -> Iterator[tuple[str, set[str | None]]]:
    """The calls that make a client of httpx, or ask without one: where, and the options that are named."""
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="httpx"))):
                place = f"{path.relative_to(PROJECT)}:{node.lineno}"
                yield place, {keyword.arg for keyword in node.keywords}


USUAL, CACHE = "usual", ".cache"


@pytest.mark.parametrize(
    ("noexec", "small", "taken"),
    [([], [], USUAL), ([USUAL], [], CACHE), ([], [USUAL], CACHE), ([USUAL], [CACHE], USUAL)],
)
def test_tests_write_where_programs_may_run_and_room_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, noexec: list[str], small: list[str], taken: str
) -> None:
    for name in (USUAL, CACHE):
        (tmp_path / name).mkdir()

    def flags(folder: Path) -> SimpleNamespace:
        return SimpleNamespace(f_flag=os.ST_NOEXEC if folder in [tmp_path / name for name in noexec] else 0)

    def usage(folder: Path) -> SimpleNamespace:
        return SimpleNamespace(free=10**8 if folder in [tmp_path / name for name in small] else 10**9)

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / USUAL))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(os, "statvfs", flags)
    monkeypatch.setattr(shutil, "disk_usage", usage)
    assert isolation._temporary() == str(tmp_path / taken)
