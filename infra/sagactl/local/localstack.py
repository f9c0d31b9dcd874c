"""LocalStack as a process of this machine, without Docker: start it, stop it, ask how it is.

All that it writes is in .saga/localstack/PORT/, where state.json names the process. It keeps everything in
memory, so stopping is killing, and nothing can be left half done.
"""

import errno
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from sagactl.errors import SagaError
from sagactl.local import dynamodb
from sagactl.paths import LAMBDA_VENV, LOCALSTACK

HOST = "127.0.0.1"
DEFAULT_PORT = 4566
_START_TIMEOUT_SECONDS = 90
_STOP_TIMEOUT_SECONDS = 10
_MARK = "LAMBDA_PROCESS_MARK"
_children: dict[int, subprocess.Popen[bytes]] = {}  # those that this very process started, and must reap


@dataclass(frozen=True)
class LocalStack:
    """A LocalStack that answers; `pid` is None if it is not one of ours, but Docker's for instance."""

    port: int
    version: str
    pid: int | None
    log: Path | None

    @property
    def endpoint(self) -> str:
        """For AWS_ENDPOINT_URL."""
        return f"http://{HOST}:{self.port}"


def status(port: int = DEFAULT_PORT, host: str = HOST) -> LocalStack | None:
    """The LocalStack that answers at the port, ours or not."""
    version = _version(host, port)
    if version is None:
        return None
    pid = _read_pid(port)
    return LocalStack(port, version, pid, _folder(port) / "localstack.log" if pid else None)


def start(port: int = DEFAULT_PORT, also_at: str | None = None) -> LocalStack:
    """Start LocalStack and wait until it is ready, or give the one that already answers there.

    It listens on 127.0.0.1, and also at another IPv4 address of this machine, if one is given.
    Raises SagaError, and leaves nothing running, if it can't be started; so does an interrupt.
    """
    if running := status(port):
        return running
    hosts = [HOST, also_at] if also_at else [HOST]
    _check(hosts, port)
    library = dynamodb.install()
    stop(port)  # what a crash may have left
    folder = _folder(port)
    shutil.rmtree(folder, ignore_errors=True)
    root_library = folder / "root/var/lib/localstack/lib"
    root_library.parent.mkdir(parents=True)
    root_library.symlink_to(library)
    (folder / "tmp").mkdir()
    try:
        with (folder / "localstack.log").open("wb") as log:
            process = subprocess.Popen(
                [LOCALSTACK / "venv/bin/python", "-m", "localstack.runtime.main"],
                cwd=folder,
                env=_environment(hosts, port),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # else Ctrl-C in this terminal would end it later
            )
        _children[port] = process
        (folder / "state.json").write_text(json.dumps({"pid": process.pid}))
        return _await_ready(port, process)
    except BaseException:
        stop(port)
        raise


def stop(port: int = DEFAULT_PORT) -> bool:
    """Kill the LocalStack that `start` started there and all that it started; False if there was none."""
    mark = _mark(port)
    found = False
    deadline = time.monotonic() + _STOP_TIMEOUT_SECONDS
    # Repeated, because a process found may be starting another.
    while pids := _marked(mark):
        found = True
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > deadline:
            raise SagaError(f"Processes {pids} do not end", f"See what holds them: ps -fp {pids[0]}")
        time.sleep(0.02)
    if child := _children.pop(port, None):
        child.wait()
    for left in ("root", "tmp", "state.json"):
        path = _folder(port) / left
        path.unlink(missing_ok=True) if path.is_file() else shutil.rmtree(path, ignore_errors=True)
    return found


def started_ports() -> list[int]:
    """Where a LocalStack was started and not stopped since."""
    return sorted(int(state.parent.name) for state in LOCALSTACK.glob("*/state.json"))


@contextmanager
def running(port: int = DEFAULT_PORT) -> Iterator[str]:
    """The endpoint of a LocalStack, which is stopped in the end only if it was started for this."""
    already = status(port)
    instance = already or start(port)
    try:
        yield instance.endpoint
    finally:
        if already is None:
            stop(port)


def _folder(port: int) -> Path:
    return LOCALSTACK / str(port)


def _mark(port: int) -> str:
    return f"{_MARK}={_folder(port)}"


def _read_pid(port: int) -> int | None:
    try:
        pid = json.loads((_folder(port) / "state.json").read_text())["pid"]
    except FileNotFoundError:
        return None
    return pid if pid in _marked(_mark(port)) else None


def _marked(mark: str) -> list[int]:
    """The live processes whose environment carries the mark: LocalStack, Java, functions and their children."""
    pids = []
    for folder in Path("/proc").glob("[0-9]*"):
        # Processes of other users, and those that end meanwhile.
        with suppress(PermissionError, FileNotFoundError, ProcessLookupError):
            if mark.encode() in (folder / "environ").read_bytes().split(b"\0"):
                pids.append(int(folder.name))
    return pids


def _version(host: str, port: int) -> str | None:
    try:
        with urllib.request.urlopen(f"http://{host}:{port}/_localstack/health", timeout=2) as response:
            return str(json.load(response)["version"])
    except (OSError, ValueError, KeyError, TypeError, HTTPException):
        return None


def _check(hosts: list[str], port: int) -> None:
    if sys.platform != "linux":
        message = "LocalStack runs functions as processes on Linux (or WSL) only"
        raise SagaError(message, f"Start localstack/localstack:4.14.0 with Docker on port {port} instead")
    if not (LOCALSTACK / "installed").exists():
        raise SagaError("LocalStack is not installed", "Run: make setup")
    for host in hosts:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    message = f"{host} is no IPv4 address of this machine"
                    raise SagaError(message, "See which it has: ip -4 address") from None
                message = f"Port {port} is taken by something that is not LocalStack"
                raise SagaError(message, "Choose another: saga up --port N") from None


def _environment(hosts: list[str], port: int) -> dict[str, str]:
    folder = _folder(port)
    # The caller's AWS and Python settings are not LocalStack's.
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON", "VIRTUAL_ENV"))
    }
    return inherited | {
        # Looks at a new resource so often before it waits a second for it: functions take less.
        "CFN_NO_WAIT_ITERATIONS": "50",
        "DISABLE_EVENTS": "1",  # no telemetry
        "DNS_ADDRESS": "0",
        "DYNAMODB_IN_MEMORY": "1",
        "FILESYSTEM_ROOT": str(folder / "root"),
        # As IPv4-mapped IPv6 addresses, because given an IPv4 address LocalStack listens on all of them.
        "GATEWAY_LISTEN": ",".join(f"[::ffff:{host}]:{port}" for host in hosts),
        "LAMBDA_IGNORE_ARCHITECTURE": "1",
        "LAMBDA_PROCESS_MARK": str(folder),
        "LAMBDA_PROCESS_PYTHON": str(LAMBDA_VENV / "bin/python"),
        # Seconds before Lambda's first retry of an event; AWS waits 60, in which nobody wants to watch a
        # failure reach the dead-letter queue. Set it to 60 to see what AWS does.
        "LAMBDA_RETRY_BASE_DELAY": os.environ.get("LAMBDA_RETRY_BASE_DELAY", "1"),
        "LAMBDA_RUNTIME_EXECUTOR": "process",
        "OVERRIDE_IN_DOCKER": "0",  # inside a container or VM it would else take the machine for its own
        "SKIP_SSL_CERT_DOWNLOAD": "1",
        "TMPDIR": str(folder / "tmp"),
        "XDG_CACHE_HOME": str(LOCALSTACK / "cache"),
    }


def _await_ready(port: int, process: subprocess.Popen[bytes]) -> LocalStack:
    log = _folder(port) / "localstack.log"
    deadline = time.monotonic() + _START_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            last_line = (log.read_text(errors="replace").strip().splitlines() or ["nothing"])[-1]
            raise SagaError(f"LocalStack ended while it started, with: {last_line}", f"Its log: {log}")
        if instance := status(port):
            return instance
        time.sleep(0.1)
    raise SagaError(f"LocalStack was not ready within {_START_TIMEOUT_SECONDS} s", f"Its log: {log}")
