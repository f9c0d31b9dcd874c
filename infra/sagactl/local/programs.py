"""The programs that must be on this machine before: Java and npm. Nothing here installs them."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import NamedTuple

from sagactl import environment
from sagactl.errors import SagaError

JAVA_OLDEST = 17
_TIMEOUT_SECONDS = 30
_INSTALL_BOTH = "Install Java 17 or newer and npm, and try again"


class _Java(NamedTuple):
    path: str
    version: int


def java() -> str:
    """Returns the path of the first Java on the PATH, or else in JAVA_HOME, that runs and is new enough.

    It is that of the program itself: asdf's or mise's `java`, for one, is a script that finds it by the caller's HOME.
    Raises SagaError if there is none.
    """
    problems = []
    for path in _javas():
        found = _tried(path)
        if found is None:
            problems.append(SagaError(f"{path} does not run", "Install Java 17 or newer and try again"))
        elif found.version < JAVA_OLDEST:
            problems.append(SagaError(f"{path} is Java {found.version}", "Put Java 17 or newer first on the PATH"))
        else:
            return found.path
    missing = SagaError("DynamoDB Local needs Java, which is not on the PATH", _INSTALL_BOTH)
    raise next(iter(problems), missing)


def npm() -> str:
    """Returns the path of npm. Raises SagaError if there is none."""
    path = shutil.which("npm")
    if path is None:
        raise SagaError("npm is not on the PATH", _INSTALL_BOTH)
    return path


def _javas() -> Iterator[str]:
    if path := shutil.which("java"):
        yield path
    if home := os.environ.get("JAVA_HOME"):
        path = shutil.which("java", path=f"{home}/bin")
        if path:
            yield path


def _tried(java: str) -> _Java | None:
    """What a Java says of itself, 8 of 1.8; the oldest that is taken if it says nothing; None if it does not run."""
    command = [java, "-XshowSettings:properties", "-version"]
    try:
        ran = subprocess.run(
            command,
            env=environment.machine(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if ran.returncode:
        return None
    said = ran.stderr + ran.stdout
    home = re.search(r"java\.home = (.+)", said)
    version = re.search(r'version "(?:1\.)?(\d+)', said)
    itself = shutil.which("java", path=f"{home[1]}/bin") if home else None
    number = int(version[1]) if version else JAVA_OLDEST
    return _Java(itself or java, number)
