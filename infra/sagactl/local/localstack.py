"""LocalStack as a process on this machine, without Docker: start it, stop it, get its status.

It writes only to .saga/localstack/PORT/, where state.json has its process ID. All its data is in memory, so it is
simply killed to stop it.
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
_children: dict[int, subprocess.Popen[bytes]] = {}  # started by this process, by port: their exit status must be read


@dataclass(frozen=True)
class Instance:
    """A LocalStack that answers. `pid` is None if `start` did not start it, but Docker for instance."""

    port: int
    version: str
    pid: int | None

    @property
    def endpoint(self) -> str:
        """The URL, for instance for AWS_ENDPOINT_URL."""
        return f"http://{HOST}:{self.port}"


def status(port: int = DEFAULT_PORT, host: str = HOST) -> Instance | None:
    """Returns the LocalStack that answers at the port, whoever started it."""
    version = _version(host, port)
    if version is None:
        return None
    return Instance(port, version, _read_pid(port))


def start(port: int = DEFAULT_PORT, also_at: str | None = None) -> Instance:
    """Starts LocalStack and waits until it is ready. Returns the one that already answers at the port, if any.

    It listens at 127.0.0.1, and also at `also_at`, another IPv4 address of this machine, if it is given.
    Raises SagaError if it cannot be started. After an error or an interrupt nothing is left running.
    """
    if running := status(port):
        return running
    hosts = [HOST]
    if also_at:
        hosts.append(also_at)
    _check(hosts, port)
    library = dynamodb.install()
    stop(port)  # kills what an earlier crash may have left
    folder = _new_folder(port, library)
    try:
        process = _launch(hosts, port, folder)
        return _await_ready(port, process)
    except BaseException:
        stop(port)
        raise


def _new_folder(port: int, library: Path) -> Path:
    """The folder for LocalStack's files, empty but for a link to what is installed already."""
    folder = _folder(port)
    shutil.rmtree(folder, ignore_errors=True)
    root_library = folder / "root/var/lib/localstack/lib"
    root_library.parent.mkdir(parents=True)
    root_library.symlink_to(library)
    (folder / "tmp").mkdir()
    return folder


def _launch(hosts: list[str], port: int, folder: Path) -> subprocess.Popen[bytes]:
    with (folder / "localstack.log").open("wb") as log:
        process = subprocess.Popen(
            [LOCALSTACK / "venv/bin/python", "-m", "localstack.runtime.main"],
            cwd=folder,
            env=_environment(hosts, port),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # so that a later Ctrl-C in this terminal does not end it
        )
    _children[port] = process
    (folder / "state.json").write_text(json.dumps({"pid": process.pid}))
    return process


def stop(port: int = DEFAULT_PORT) -> bool:
    """Kills the LocalStack that `start` started at the port, with all its processes. Returns False if there is none."""
    mark = _mark(port)
    found = False
    deadline = time.monotonic() + _STOP_TIMEOUT_SECONDS
    # Repeated, because a process may start another before it is killed.
    while pids := _marked(mark):
        found = True
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > deadline:
            raise SagaError(f"Processes {pids} do not end", f"Look at their state: ps -fp {pids[0]}")
        time.sleep(0.02)
    if child := _children.pop(port, None):
        child.wait()
    folder = _folder(port)
    (folder / "state.json").unlink(missing_ok=True)
    for name in ("root", "tmp"):
        shutil.rmtree(folder / name, ignore_errors=True)
    return found


def started_ports() -> list[int]:
    """Returns the ports at which `start` started a LocalStack that was not stopped since."""
    return sorted(int(state.parent.name) for state in LOCALSTACK.glob("*/state.json"))


@contextmanager
def running(port: int = DEFAULT_PORT) -> Iterator[str]:
    """Gives the endpoint of the LocalStack at the port, or of a new one, which is stopped in the end."""
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
    if pid not in _marked(_mark(port)):
        return None
    return int(pid)


def _marked(mark: str) -> list[int]:
    """Returns the processes that have the mark in their environment: LocalStack, Java, functions and their children."""
    pids = []
    for folder in Path("/proc").glob("[0-9]*"):
        # These errors are from processes of other users, and from those that end meanwhile.
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
    """Raises SagaError if LocalStack cannot run on this machine, or cannot listen at the port of each host."""
    if sys.platform != "linux":
        message = "LocalStack runs functions as processes on Linux (or WSL) only"
        raise SagaError(message, f"Start localstack/localstack:4.14.0 with Docker on port {port} instead")
    if not (LOCALSTACK / "installed").exists():
        raise SagaError("LocalStack is not installed", "Run: make setup")
    for host in hosts:
        _check_address(host, port)


def _check_address(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                message = f"Port {port} is taken by something that is not LocalStack"
                raise SagaError(message, "Choose another: saga up --port N") from None
            message = f"{host} is not an IPv4 address of this machine"
            raise SagaError(message, "List them: ip -4 address") from None


def _environment(hosts: list[str], port: int) -> dict[str, str]:
    folder = _folder(port)
    foreign = ("AWS_", "PYTHON", "VIRTUAL_ENV")  # the caller's settings, which are not for LocalStack
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return inherited | {
        # How often it checks a new resource before it pauses for a second. Functions are ready before that.
        "CFN_NO_WAIT_ITERATIONS": "50",
        "DISABLE_EVENTS": "1",  # no telemetry
        "DNS_ADDRESS": "0",
        "DYNAMODB_IN_MEMORY": "1",
        "FILESYSTEM_ROOT": str(folder / "root"),
        # IPv4-mapped IPv6 addresses, because LocalStack listens at all addresses if it is given an IPv4 address.
        "GATEWAY_LISTEN": ",".join(f"[::ffff:{host}]:{port}" for host in hosts),
        "LAMBDA_IGNORE_ARCHITECTURE": "1",
        "LAMBDA_PROCESS_MARK": str(folder),
        "LAMBDA_PROCESS_PYTHON": str(LAMBDA_VENV / "bin/python"),
        # Seconds before Lambda's first retry of an event. AWS waits 60, which is long for someone who wants to watch
        # an event reach the dead-letter queue. Set it to 60 to see what AWS does.
        "LAMBDA_RETRY_BASE_DELAY": os.environ.get("LAMBDA_RETRY_BASE_DELAY", "1"),
        "LAMBDA_RUNTIME_EXECUTOR": "process",
        "OVERRIDE_IN_DOCKER": "0",  # or it would take a container or VM for its own machine
        "SKIP_SSL_CERT_DOWNLOAD": "1",
        "TMPDIR": str(folder / "tmp"),
        "XDG_CACHE_HOME": str(LOCALSTACK / "cache"),
    }


def _await_ready(port: int, process: subprocess.Popen[bytes]) -> Instance:
    log = _folder(port) / "localstack.log"
    deadline = time.monotonic() + _START_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            lines = log.read_text(errors="replace").strip().splitlines()
            last_line = lines[-1] if lines else "nothing"
            raise SagaError(f"LocalStack ended while it started. It last printed: {last_line}", f"Read its log: {log}")
        if instance := status(port):
            return instance
        time.sleep(0.1)
    raise SagaError(f"LocalStack was not ready within {_START_TIMEOUT_SECONDS} s", f"Read its log: {log}")
