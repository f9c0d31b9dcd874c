"""What `make` has each program do, and which Python runs its set-up; with programs in their place that only say so."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sagactl.local import setup
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
case $2 in -c) exit;; esac
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
    assert installs.endswith("sagactl.local.setup stack dev checkov npm at home in /of/the/user and /of/the/user/too")


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
    assert first.startswith("python -S -m sagactl.local.setup")
    assert others[-1].startswith("pytest ")


# -- which Python runs make setup, and what is said if none does

SETUP = "import os, sys; print(sys.executable, os.environ.get('LD_LIBRARY_PATH'))"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A checkout whose set-up prints which Python it is run by; `bin` is all that is on the PATH."""
    shutil.copy(PROJECT / "Makefile", tmp_path)
    (tmp_path / "infra/sagactl/local").mkdir(parents=True)
    (tmp_path / "infra/sagactl/local/setup.py").write_text(SETUP)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/bash").symlink_to(str(shutil.which("bash")))
    return tmp_path


def add_python(project: Path, script: str) -> None:
    program = project / "bin/python3.13"
    program.write_text(f"#!{shutil.which('bash')}\n{script}\n")
    program.chmod(0o755)


def make_setup(project: Path, **settings: str) -> "subprocess.CompletedProcess[str]":
    command = [str(shutil.which("make")), "--silent", "setup"]
    environment = {"PATH": str(project / "bin")} | settings
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)


def test_setup_without_python_says_which(project: Path) -> None:
    made = make_setup(project)
    assert made.returncode
    assert made.stderr.splitlines()[0] == "error: no Python 3.13; install it, so that python3.13 is on the PATH"


def test_setup_says_why_python_does_not_run(project: Path) -> None:
    add_python(project, "echo no libpython3.13.so >&2; exit 127")
    made = make_setup(project)
    assert made.returncode
    assert made.stderr.splitlines()[1] == "no libpython3.13.so"


def test_setup_runs_a_python_that_needs_libraries_from_elsewhere(project: Path) -> None:
    add_python(project, f'[ "$LD_LIBRARY_PATH" ] && exec {setup._base_python()} "$@"')
    made = make_setup(project, LD_LIBRARY_PATH="/some/lib")
    assert (made.returncode, made.stdout) == (0, f"{setup._base_python()} /some/lib\n")


def test_setup_says_nothing_of_an_environment_that_is_half_installed(project: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", project / ".venv"], check=True)
    packages = next((project / ".venv").glob("lib/*/site-packages"))
    (packages / "distutils-precedence.pth").write_text("import no_such_module\n")
    made = make_setup(project)
    assert (made.returncode, made.stderr) == (0, "")
    assert made.stdout.startswith(str(project / ".venv/bin/python"))
