"""`make setup` in a checkout of its own: oddly named, without Java and npm, killed, half deleted, and copied."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from sagactl.local import setup
from sagactl.paths import PROJECT


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    checkout = tmp_path / "C# ; 'work' [x]"
    assert ran("git", "clone", "--quiet", PROJECT, checkout, cwd=tmp_path).returncode == 0
    return checkout


def ran(*command: str | Path, cwd: Path, **settings: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, cwd=cwd, env=os.environ | settings, capture_output=True, text=True, check=False)


def test_only_what_runs_the_stack_needs_java_and_npm(checkout: Path, tmp_path: Path) -> None:
    path = tmp_path / "bin"
    path.mkdir()
    for name in ("awk", "bash", "git", "make", "sh"):
        (path / name).symlink_to(str(shutil.which(name)))
    python = path / "python3.13"
    python.write_text(f'#!/bin/sh\nexec {setup._base_python()} "$@"\n')
    python.chmod(0o755)
    settings = {"PATH": str(path), "JAVA_HOME": ""}
    quick = ran("make", "quick", cwd=checkout, **settings)
    assert quick.returncode == 0, quick.stderr
    assert " passed" in quick.stdout
    for target in ("demo", "test"):
        refused = ran("make", target, cwd=checkout, **settings)
        said = refused.stderr.splitlines()[0]
        assert said.startswith("error: DynamoDB Local needs Java, which is not on the PATH; npm is not on the PATH. ")


@pytest.mark.parametrize("after_seconds", [1, 4, 7])
def test_what_was_killed_is_installed_by_the_next(checkout: Path, after_seconds: int) -> None:
    command = [str(shutil.which("make")), "setup"]
    with subprocess.Popen(command, cwd=checkout, stderr=subprocess.DEVNULL, process_group=0) as killed:
        time.sleep(after_seconds)
        os.killpg(killed.pid, signal.SIGKILL)
    made = ran("make", "setup", cwd=checkout)
    assert made.returncode == 0, made.stderr
    assert ran(".venv/bin/saga", "doctor", cwd=checkout).returncode == 0


def test_what_is_half_deleted_is_installed_again(checkout: Path) -> None:
    assert ran("make", "setup", cwd=checkout).returncode == 0
    packages = checkout / ".venv/lib/python3.13/site-packages"
    shutil.rmtree(packages / "typer")
    os.truncate(next(checkout.glob(".saga/dynamodb/**/DynamoDBLocal.jar")), 1000)
    shutil.rmtree(checkout / ".saga/sam/venv/lib")
    assert ran(".venv/bin/saga", "doctor", cwd=checkout).stderr.endswith("typer is missing. Run: make setup.\n")
    assert ran("make", "setup", cwd=checkout).returncode == 0
    doctor = ran(".venv/bin/saga", "doctor", cwd=checkout)
    assert doctor.returncode == 0, doctor.stdout


def test_a_copy_runs_its_own_code_or_none(checkout: Path, tmp_path: Path) -> None:
    assert ran("make", "setup", cwd=checkout).returncode == 0
    copy = shutil.copytree(checkout, tmp_path / "copy", symlinks=True)
    refused = ran(".venv/bin/saga", "--version", cwd=copy)
    assert (refused.returncode, refused.stderr) == (
        1,
        "error: This checkout was copied or moved. Run: make setup.\n",
    )
    assert ran("make", "setup", cwd=copy).returncode == 0
    shutil.rmtree(checkout)
    assert ran(".venv/bin/saga", "--version", cwd=copy).returncode == 0
