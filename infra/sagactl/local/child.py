"""Programs that are run to their end. Whatever interrupts this one ends them first, with all that they started."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any

from sagactl.local import locks
from sagactl.signals import uninterrupted

_PAUSE_SECONDS = 0.05
_running: set[int] = set()  # process groups


def run(
    command: Sequence[str | Path],
    env: Mapping[str, str],
    cwd: Path,
    *,
    capture: bool = True,
    stdin: int = subprocess.DEVNULL,
) -> "subprocess.CompletedProcess[str]":
    """Runs a program with this input, and returns its exit code and, if `capture`, what it printed, as `stdout`."""
    captured: Any = {}
    if capture:
        captured = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    process = None
    try:
        with uninterrupted():  # or it might be started, and not known here
            process = subprocess.Popen(
                command,
                cwd=cwd,
                env=env,
                stdin=stdin,
                text=True,
                errors="replace",
                process_group=0,  # so that all of it can be killed
                pass_fds=locks.descriptors(),
                **captured,
            )
            _running.add(process.pid)
        printed, _ = process.communicate()
    except BaseException:
        if process:
            _kill(process.pid)
            with process:  # waits for its end, and closes its output
                raise
        raise
    finally:
        if process:
            _running.discard(process.pid)
    return subprocess.CompletedProcess(command, process.returncode, printed or "")


def end_all(threads: Sequence[Future[Any]]) -> None:
    """Kills what these threads run, and what they still start, until each of them has ended."""
    while not all(thread.done() for thread in threads):
        for group in list(_running):
            _kill(group)
        time.sleep(_PAUSE_SECONDS)


def _kill(group: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
