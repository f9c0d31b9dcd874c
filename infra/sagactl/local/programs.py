"""The programs that must be on this machine before: Java and npm. Nothing here installs them."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator

from sagactl import environment
from sagactl.errors import SagaError

JAVA_OLDEST = 17
_TIMEOUT_SECONDS = 30
_INSTALL_BOTH = "Install Java 17 or newer and npm, and try again"


def java() -> str:
    """Returns the path of the first Java on the PATH, or else in JAVA_HOME, that runs and is new enough.

    Raises SagaError if there is none.
    """
    problems = []
    for path in _javas():
        version = _java_version(path)
        if version is None:
            problems.append(SagaError(f"{path} does not run", "Install Java 17 or newer and try again"))
        elif version < JAVA_OLDEST:
            problems.append(SagaError(f"{path} is Java {version}", "Put Java 17 or newer first on the PATH"))
        else:
            return path
    missing = SagaError("DynamoDB Local needs Java, which is not on the PATH", _INSTALL_BOTH)
    raise next(iter(problems), missing)


def npm() -> str:
    """Returns the path of npm. Raises SagaError if there is none."""
    path = shutil.which("npm")
    if path is None:
        raise SagaError("DynamoDB Local needs npm, which is not on the PATH", _INSTALL_BOTH)
    return path


def _javas() -> Iterator[str]:
    if path := shutil.which("java"):
        yield path
    if home := os.environ.get("JAVA_HOME"):
        path = shutil.which("java", path=f"{home}/bin")
        if path:
            yield path


def _java_version(java: str) -> int | None:
    """The version, 8 for 1.8; the oldest that is taken if it says none; None if it does not run."""
    command = [java, "-version"]
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
    said = re.search(r'version "(?:1\.)?(\d+)', ran.stderr + ran.stdout)
    return int(said[1]) if said else JAVA_OLDEST
