"""Who holds a lock, and for how long."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sagactl.local import locks

UNDER_A_LOCK = """
import sys
from pathlib import Path
from sagactl.local import child, locks
locks.STATE = Path(sys.argv[1])
with locks.held("some"):
    child.run(["/bin/sh", "-c", "echo $$ > new; mv new started; exec sleep 60"], {}, locks.STATE)
"""


def is_taken(folder: Path) -> bool:
    with (folder / "locks/some").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def is_free_soon(folder: Path) -> bool:
    deadline = time.monotonic() + 10
    while is_taken(folder) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not is_taken(folder)


def test_a_lock_is_held_until_the_block_ends(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(locks, "STATE", tmp_path)
    with locks.held("some"):
        assert is_taken(tmp_path)
    assert not is_taken(tmp_path)
    assert locks.descriptors() == ()


def test_a_lock_is_held_until_what_ran_under_it_has_ended(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", UNDER_A_LOCK, str(tmp_path)])
    while not (tmp_path / "started").exists():
        assert holder.poll() is None
        time.sleep(0.01)
    orphan = int((tmp_path / "started").read_text())
    holder.kill()
    holder.wait()
    was_taken = is_taken(tmp_path)
    os.killpg(orphan, signal.SIGKILL)
    assert was_taken
    assert is_free_soon(tmp_path)
