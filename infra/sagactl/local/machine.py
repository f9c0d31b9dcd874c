"""What this machine and this folder have of what the saga needs."""

import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sagactl import room
from sagactl.errors import SagaError
from sagactl.local import localstack, programs, setup
from sagactl.paths import PROJECT

_PYTHON = (3, 13)


@dataclass(frozen=True)
class Finding:
    """One thing that is needed; `remedy` says what to do if it is missing, and is empty if it is there."""

    name: str
    found: str
    remedy: str = ""


def findings(port: int) -> list[Finding]:
    """Returns what is needed, here and at LocalStack's port, whether it is there or not."""
    checks: list[Callable[[], Finding]] = [_system, _python, _git, _make, _java, _npm, _folder, _room]
    return [*(check() for check in checks), *_installed(), _port(port)]


def _system() -> Finding:
    name = f"{platform.system()} {platform.machine()}"
    if platform.system() == "Linux":
        return Finding("system", name)
    return Finding("system", name, "Use Docker Compose in place of saga up: see docs/tools.md")


def _python() -> Finding:
    if sys.version_info[:2] == _PYTHON:
        return Finding("Python 3.13", platform.python_version())
    return Finding("Python 3.13", platform.python_version(), "Install Python 3.13, then: make setup")


def _git() -> Finding:
    return _program("git")


def _make() -> Finding:
    return _program("make")


def _program(name: str) -> Finding:
    path = shutil.which(name)
    if path:
        return Finding(name, path)
    return Finding(name, "not on the PATH", f"Install {name}")


def _java() -> Finding:
    return _tried("Java", programs.java)


def _npm() -> Finding:
    return _tried("npm", programs.npm)


def _tried(name: str, find: Callable[[], str]) -> Finding:
    try:
        return Finding(name, find())
    except SagaError as error:
        return Finding(name, error.message, error.remedy)


def _folder() -> Finding:
    def found() -> str:
        setup.check_folder()
        return str(PROJECT)

    return _tried("folder", found)


def _room() -> Finding:
    free_bytes = room.free_bytes(PROJECT)
    found = f"{free_bytes / 10**9:,.1f} GB free"
    is_installed = all(part.is_complete for part in setup.parts(["stack"]))
    needed_bytes = room.START_BYTES if is_installed else room.SETUP_BYTES
    if free_bytes >= needed_bytes:
        return Finding("disk", found)
    return Finding("disk", found, "Make room, about 1 GB")


def _installed() -> Iterator[Finding]:
    for part in setup.parts(["stack"]):
        name = f"installed: {part.name}"
        if part.is_complete:
            yield Finding(name, "complete")
        else:
            yield Finding(name, "missing, incomplete, moved or outdated", "Run: make setup")


def _port(port: int) -> Finding:
    name = f"port {port}"
    if instance := localstack.status(port):
        return Finding(name, f"LocalStack {instance.version} answers")
    try:
        localstack.check_address(localstack.HOST, port)
    except SagaError as error:
        return Finding(name, error.message, error.remedy)
    return Finding(name, "free")
