"""What `make` has each program do, with programs in their place that only say how they were called."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from sagactl.paths import PROJECT

PROGRAMS = (
    ".saga/checkov/venv/bin/checkov",
    ".saga/checkov/venv/bin/detect-secrets-hook",
    ".saga/npm/node_modules/.bin/biome",
    ".saga/sam/venv/bin/sam",
    ".venv/bin/cfn-lint",
    ".venv/bin/mypy",
    ".venv/bin/pytest",
    ".venv/bin/python",
    ".venv/bin/ruff",
)
SAYS = """#!/bin/sh
case $1 in -c) exit;; esac
echo "${0##*/} $* at home in $HOME and ${XDG_CONFIG_HOME:-none}"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkout with a blank in its name, in which all is installed, and without a repository."""
    folder = tmp_path / "a checkout"
    for name in PROGRAMS:
        program = folder / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(SAYS)
        program.chmod(0o755)
    (folder / ".venv/installed").touch()
    shutil.copy(PROJECT / "Makefile", folder)
    return folder


def make(target: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    outer = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    own = outer | {"HOME": "/of/the/user", "XDG_CONFIG_HOME": "/of/the/user/too"}
    command = ["/usr/bin/env", "make", target]
    return subprocess.run(command, cwd=folder, env=own, capture_output=True, text=True, check=False)


def test_what_checks_is_at_home_in_a_folder_of_ours(folder: Path) -> None:
    said = make("check", folder).stdout.splitlines()
    checks = [line for line in said if "sagactl.local.setup" not in line]
    assert {line.split()[0] for line in checks} == {"biome", "cfn-lint", "checkov", "mypy", "python", "ruff", "sam"}
    own = f"{folder}/.saga/home"
    assert [line for line in checks if not line.endswith(f" at home in {own} and {own}/.config")] == []


def test_what_installs_reads_where_packages_come_from_in_the_users_home(folder: Path) -> None:
    installs = make("check", folder).stdout.splitlines()[0]
    assert installs.endswith("sagactl.local.setup checkov npm at home in /of/the/user and /of/the/user/too")


def test_without_a_repository_only_secrets_are_not_searched_for(folder: Path) -> None:
    ran = make("check", folder)
    assert (ran.returncode, ran.stderr) == (0, "Without .git nothing is searched for secrets\n")


def test_in_a_repository_they_are(folder: Path) -> None:
    for arguments in (["init", "--quiet"], ["add", "Makefile"]):
        subprocess.run(["/usr/bin/env", "git", *arguments], cwd=folder, check=True)
    ran = make("check", folder)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "Makefile at home" in ran.stdout.splitlines()[-1]


@pytest.mark.parametrize("target", ["quick", "test"])
def test_what_was_moved_or_is_outdated_is_installed_before_it_is_tested(folder: Path, target: str) -> None:
    first, *others = make(target, folder).stdout.splitlines()
    assert first.startswith("python -m sagactl.local.setup")
    assert others[-1].startswith("pytest ")
