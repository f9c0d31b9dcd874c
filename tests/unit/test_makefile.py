"""Which Python runs `make setup`, and what is said if none does."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sagactl.local import setup
from sagactl.paths import PROJECT

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
