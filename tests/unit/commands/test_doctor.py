"""`saga doctor`: what is missing has a remedy, and only that."""

import json
import os
import platform
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.ports import free_port
from typer.testing import CliRunner, Result

from sagactl import room
from sagactl.cli import app
from sagactl.errors import SagaError
from sagactl.local import localstack, programs, setup


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["doctor", "--port", str(free_port()), *arguments])


def no_java() -> str:
    raise SagaError("no Java", "Install Java")


@pytest.fixture(autouse=True)
def complete(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that has everything."""
    monkeypatch.setattr(localstack, "status", lambda _: None)
    monkeypatch.setattr(setup, "parts", lambda _: [])
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(programs, "java", lambda: "/usr/bin/java")
    monkeypatch.setattr(programs, "npm", lambda: "/usr/bin/npm")
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(room, "START_BYTES", 1)


def test_a_machine_that_has_everything_is_told_so() -> None:
    told = run()
    assert told.exit_code == 0, told.stdout
    assert "/usr/bin/java" in told.stdout
    assert all(finding["remedy"] == "" for finding in json.loads(run("--json").stdout))


UNFINISHED = setup.Part("saga", [], Path("/nowhere"), lambda: None)
MISSING: dict[str, tuple[Any, str, Any, str]] = {
    # what: the attribute that says so, and the remedy
    "Java": (programs, "java", no_java, "Install Java"),
    "git": (shutil, "which", lambda _: None, "Install git"),
    "disk": (room, "START_BYTES", 10**18, "Make room, about 1 GB"),
    "folder": (os, "access", lambda *_: False, "Clone to a folder of your own"),
    "system": (platform, "system", lambda: "Darwin", "Use Docker Compose in place of saga up: see docs/tools.md"),
    "installed: saga": (
        setup,
        "parts",
        lambda _: [UNFINISHED],
        "Run: make setup",
    ),
}


@pytest.mark.parametrize("what", MISSING)
def test_what_is_missing_has_a_remedy(monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    place, name, value, remedy = MISSING[what]
    monkeypatch.setattr(place, name, value)
    told = run("--json")
    assert told.exit_code == 1
    assert {finding["name"]: finding["remedy"] for finding in json.loads(told.stdout)}[what] == remedy


@pytest.mark.parametrize(("parts", "is_missing"), [([], False), ([UNFINISHED], True)])
def test_more_room_is_needed_where_the_stack_is_not_installed(
    monkeypatch: pytest.MonkeyPatch, parts: list[setup.Part], is_missing: bool
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=300 * 10**6))
    monkeypatch.setattr(setup, "parts", lambda _: parts)
    findings = {finding["name"]: finding for finding in json.loads(run("--json").stdout)}
    assert bool(findings["disk"]["remedy"]) == is_missing
