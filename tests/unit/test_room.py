"""What a failure leaves behind if the disk is full."""

import errno
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from sagactl import room
from sagactl.cli import app
from sagactl.errors import SagaError
from sagactl.local import setup
from sagactl.stack import deploy

FREE_BYTES = {"full": 5_000_000, "not full": 10**9}
FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture(params=FREE_BYTES)
def disk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=FREE_BYTES[request.param]))
    return str(request.param)


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Bytecode that may be cut off."""
    monkeypatch.setattr(room, "_COMPILED_LATE", (tmp_path,))
    path = tmp_path / "package/__pycache__/module.cpython-313.pyc"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"cut off")
    return path


def test_a_command_that_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, disk: str, compiled: Path) -> None:
    monkeypatch.setattr(deploy, "SAM_VENV", tmp_path)  # where no sam is
    assert CliRunner().invoke(app, ["deploy"]).exit_code == 1
    assert compiled.exists() == (disk == "not full")


@pytest.mark.parametrize("error", [FULL, SagaError("a tool failed", "Read its log")], ids=["refused", "said"])
def test_a_setup_that_fails(monkeypatch: pytest.MonkeyPatch, disk: str, compiled: Path, error: Exception) -> None:
    def install(_: object) -> None:
        raise error

    monkeypatch.setattr(setup, "leave_blocks_first", lambda: None)
    monkeypatch.setattr(setup, "install", install)
    with pytest.raises(SystemExit):
        setup._main()
    assert compiled.exists() == (disk == "not full")


def test_a_command_that_can_not_write(compiled: Path, tmp_path: Path) -> None:
    """In a process of its own, because the program forgets its standard output then."""
    code = (
        "from sagactl import __main__ as program, cli, room\n"
        "from pathlib import Path\n"
        f"room._COMPILED_LATE = (Path({str(tmp_path)!r}),)\n"
        "room.free_bytes = lambda _: 0\n"
        "def app(**_):\n"
        f"    raise OSError({errno.ENOSPC}, 'No space left on device')\n"
        "cli.app = app\n"
        "program.main()\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (1, "error: No space left on device. Make room and try again.\n")
    assert not compiled.exists()
