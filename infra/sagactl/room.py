"""A full disk: a failure for want of room is told as such, and the next run finds nothing that was cut off."""

import re
import shutil
from pathlib import Path

from sagactl.errors import SagaError
from sagactl.paths import LOCALSTACK, PROJECT, SAM_VENV, VENV

SETUP_BYTES = 700 * 10**6
"""What all that runs the stack takes."""
START_BYTES = 100 * 10**6
"""What LocalStack and Python write when it is first started."""
_FULL_BYTES = 10**6  # with less, a disk is full
_COMPILED_LATE = (VENV, SAM_VENV, LOCALSTACK, PROJECT / "functions", PROJECT / "infra")  # when it is first imported


def free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def check_failure(printed: str) -> None:
    """Raises SagaError if a tool failed for want of room: what it printed says so, or the disk is full."""
    check_free(_FULL_BYTES)
    if re.search(r"No space left|os error 28|ENOSPC", printed):
        raise _no_room()


def check_free(needed_bytes: int) -> None:
    """Raises SagaError if the disk has less room."""
    if free_bytes(PROJECT) < needed_bytes:
        raise _no_room()


def remove_what_may_be_cut_off() -> None:
    """Removes Python's bytecode, after a failure, if the disk has so little room that it may have been full.

    Python 3.13.0 does not notice that it could not write all of it, and every later import fails.
    """
    if free_bytes(PROJECT) >= START_BYTES:
        return
    for folder in _COMPILED_LATE:
        for compiled in folder.rglob("__pycache__"):
            shutil.rmtree(compiled, ignore_errors=True)


def _no_room() -> SagaError:
    return SagaError("No space left on device", "Make room, about 1 GB, and try again")
