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
from dataclasses import dataclass, replace
from http.client import HTTPException, HTTPResponse
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from sagactl import environment, room
from sagactl.errors import SagaError
from sagactl.local import child, dynamodb, locks, programs
from sagactl.paths import LAMBDA_VENV, LOCALSTACK
from sagactl.signals import uninterrupted

HOST = "127.0.0.1"
DEFAULT_PORT = 4566
_START_TIMEOUT_SECONDS = 90
_STOP_TIMEOUT_SECONDS = 10
_STATIC = "usr/lib/localstack"  # below FILESYSTEM_ROOT: what LocalStack's image has ready
_INDEXED = LOCALSTACK / "indexed"
_INDEXING = """
import gc, pickle
import dill
from localstack.aws import spec
gc.disable()  # nothing of it is garbage before the end
dill.dump = pickle.dump  # the same for what is in there, but not written in Python
spec.main()
"""
_MARK = "LAMBDA_PROCESS_MARK"
_SETTING = "SAGA_LOCALSTACK_"  # and the name of one of LocalStack's settings, which the caller means for this one
_children: dict[int, subprocess.Popen[bytes]] = {}  # started by this process, by port: their exit status must be read


class _LazyHTTPSHandler(urllib.request.HTTPSHandler):
    """Loads the certificates when HTTPS is asked for: that takes a twentieth of a second, and hardly anyone asks."""

    def __init__(self) -> None:
        urllib.request.AbstractHTTPHandler.__init__(self)

    def https_open(self, request: urllib.request.Request) -> HTTPResponse:
        super().__init__()
        return super().https_open(request)


direct = urllib.request.build_opener(urllib.request.ProxyHandler({}), _LazyHTTPSHandler())  # through no proxy


@dataclass(frozen=True)
class Instance:
    """A LocalStack that answers. `pid` is None if `start` did not start it, but Docker for instance."""

    port: int
    version: str
    pid: int | None
    is_new: bool = False  # whether it was started by the call that returned this

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


def start(port: int = DEFAULT_PORT, also_at: str | None = None, *, keep: bool = True) -> Instance:
    """Starts LocalStack and waits until it is ready. Returns the one that already answers at the port, if any.

    It listens at 127.0.0.1, and also at `also_at`, another IPv4 address of this machine, if it is given.
    Without `keep`, `stop_unless_kept` stops it, until another call of this wants to keep it.
    Raises SagaError if it cannot be started. After an error or an interrupt nothing is left running.
    """
    hosts = [HOST]
    if also_at:
        hosts.append(also_at)
    with locks.held(f"localstack-{port}"):  # of two at once, the second finds what the first has started
        if running := status(port):
            if keep:
                _keep(port)
            return running
        _check(hosts, port)
        room.check_free(room.START_BYTES)
        java = programs.java()
        library = dynamodb.install()
        stop(port)  # kills what an earlier crash may have left
        try:
            _new_folder(port, library)
            process = _launch(hosts, port, java, keep=keep)
            return replace(_await_ready(port, process), is_new=True)
        except BaseException:
            stop(port)
            raise


def index_services() -> None:
    """Writes the index of all AWS services that LocalStack would make at each start, which takes seconds."""
    folder = _INDEXED / _STATIC
    shutil.rmtree(_INDEXED, ignore_errors=True)
    folder.mkdir(parents=True)
    command: list[str | Path] = [LOCALSTACK / "venv/bin/python", "-c", _INDEXING]
    folders = {"FILESYSTEM_ROOT": str(_INDEXED), "HOME": str(_INDEXED)}
    own = environment.machine() | folders | {"OVERRIDE_IN_DOCKER": "0"}
    ran = child.run(command, own, folder)
    if ran.returncode:
        room.check_failure(ran.stdout)
        last_line = (ran.stdout.strip().splitlines() or ["nothing"])[-1]
        raise SagaError(
            f"LocalStack could not index the services of AWS. It last printed: {last_line}", "Run: make setup"
        )


def _new_folder(port: int, library: Path) -> None:
    """Makes the folder for LocalStack's files, empty but for a link to what is installed already."""
    folder = _folder(port)
    shutil.rmtree(folder, ignore_errors=True)
    root_library = folder / "root/var/lib/localstack/lib"
    root_library.parent.mkdir(parents=True)
    root_library.symlink_to(library)
    if not (_INDEXED / _STATIC).exists():  # it was installed before `make setup` made the index
        index_services()
    root_static = folder / "root" / _STATIC
    root_static.parent.mkdir(parents=True)
    root_static.symlink_to(_INDEXED / _STATIC)
    (folder / "tmp").mkdir()


def _launch(hosts: list[str], port: int, java: str, *, keep: bool) -> subprocess.Popen[bytes]:
    folder = _folder(port)
    with (folder / "localstack.log").open("wb") as log, uninterrupted():  # so that none is started and not known
        process = subprocess.Popen(
            [LOCALSTACK / "venv/bin/python", "-m", "localstack.runtime.main"],
            cwd=folder,
            env=_environment(hosts, port, java),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # so that a later Ctrl-C in this terminal does not end it
        )
    _children[port] = process
    _state(port).write_text(json.dumps({"pid": process.pid, "keep": keep}))
    return process


def stop(port: int = DEFAULT_PORT) -> bool:
    """Kills the LocalStack that `start` started at the port, with all its processes. Returns False if there is none."""
    with uninterrupted():
        found = _kill(_mark(port))
        if child := _children.pop(port, None):
            child.wait()
        _state(port).unlink(missing_ok=True)
        for name in ("root", "tmp"):
            shutil.rmtree(_folder(port) / name, ignore_errors=True)
    return found


def stop_unless_kept(port: int) -> None:
    """Stops the LocalStack that `start` started, unless someone has started it to keep it meanwhile."""
    with locks.held(f"localstack-{port}"):
        if not _read_state(port).get("keep", False):
            stop(port)


def _kill(mark: str) -> bool:
    """Kills all that carries the mark. Returns False if there is nothing."""
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
    return found


def started_ports() -> list[int]:
    """Returns the ports at which `start` started a LocalStack that was not stopped since."""
    return sorted(int(state.parent.name) for state in LOCALSTACK.glob("*/state.json"))


@contextmanager
def running(port: int = DEFAULT_PORT) -> Iterator[str]:
    """Gives the endpoint of the LocalStack at the port, or of a new one, which is stopped in the end."""
    instance = start(port, keep=False)
    try:
        yield instance.endpoint
    finally:
        if instance.is_new:
            stop_unless_kept(port)


def _folder(port: int) -> Path:
    return LOCALSTACK / str(port)


def _mark(port: int) -> str:
    return f"{_MARK}={_folder(port)}"


def _state(port: int) -> Path:
    return _folder(port) / "state.json"


def _read_state(port: int) -> dict[str, Any]:
    """What `start` wrote; nothing if it did not, or was killed while it wrote."""
    try:
        state: dict[str, Any] = json.loads(_state(port).read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return state


def _read_pid(port: int) -> int | None:
    pid = _read_state(port).get("pid")
    if pid not in _marked(_mark(port)):
        return None
    return int(pid)


def _keep(port: int) -> None:
    if state := _read_state(port):
        _state(port).write_text(json.dumps(state | {"keep": True}))


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
        with direct.open(f"http://{host}:{port}/_localstack/health", timeout=2) as response:
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
        check_address(host, port)


def check_address(host: str, port: int) -> None:
    """Raises SagaError if nothing can listen there."""
    foreign = SagaError(f"{host} is not an IPv4 address of this machine", "List them: ip -4 address")
    refused = {
        errno.EACCES: SagaError(f"Port {port} is for root alone", "Choose one from 1024 on: --port N"),
        errno.EADDRINUSE: SagaError(
            f"Port {port} is taken by something that is not LocalStack", "Choose another: saga up --port N"
        ),
        errno.EADDRNOTAVAIL: foreign,
    }
    try:
        address = IPv4Address(host)
    except ValueError:
        raise foreign from None
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((str(address), port))
        except OSError as error:
            raise refused.get(error.errno or 0, error) from None


def _environment(hosts: list[str], port: int, java: str) -> dict[str, str]:
    folder = _folder(port)
    machine = environment.machine()
    own = machine | _gateway(hosts, port)
    own |= {
        "AWS_EC2_METADATA_DISABLED": "true",  # or its S3 waits for the metadata of a machine on AWS
        "CFN_NO_WAIT_ITERATIONS": "2",  # looks at a new resource without a pause, which infra/localstack makes short
        "DISABLE_EVENTS": "1",  # no telemetry
        "DNS_ADDRESS": "0",
        "DYNAMODB_IN_MEMORY": "1",
        "FILESYSTEM_ROOT": str(folder / "root"),
        # So that the caller's settings for AWS are not found, and no start finds what another has kept, which may be
        # cut off: its list of entry points is then empty for good.
        "HOME": str(folder / "tmp"),
        "IN_MEMORY_CLIENT": "1",  # its services call each other without HTTP: two thirds of all calls are theirs
        # Seconds that it rests after each look into a queue, and the most if that was empty: by default 1 and 10, so
        # that an event was in the journal seconds late. AWS does not rest.
        "LAMBDA_EVENT_SOURCE_MAPPING_MAX_BACKOFF_ON_EMPTY_POLL_SEC": "0.1",
        "LAMBDA_EVENT_SOURCE_MAPPING_POLL_INTERVAL_SEC": "0.1",
        "LAMBDA_IGNORE_ARCHITECTURE": "1",
        "LAMBDA_PROCESS_MARK": str(folder),
        "LAMBDA_PROCESS_PYTHON": str(LAMBDA_VENV / "bin/python"),
        # Seconds before Lambda's first retry of an event. AWS waits 60, which is long for someone who wants to watch
        # an event reach the dead-letter queue. SAGA_LOCALSTACK_LAMBDA_RETRY_BASE_DELAY=60 is what AWS does.
        "LAMBDA_RETRY_BASE_DELAY": "1",
        "LAMBDA_RUNTIME_EXECUTOR": "process",
        "PATH": f"{Path(java).parent}{os.pathsep}{machine.get('PATH', os.defpath)}",
        "OVERRIDE_IN_DOCKER": "0",  # or it would take a container or VM for its own machine
        "PROVIDER_OVERRIDE_S3": "own_folder",  # of infra/localstack
        "SKIP_SSL_CERT_DOWNLOAD": "1",
        "TMPDIR": str(folder / "tmp"),
    }
    given = {name: value for name, value in os.environ.items() if name.startswith(_SETTING)}
    return own | {name.removeprefix(_SETTING): value for name, value in given.items()}


def _gateway(hosts: list[str], port: int) -> dict[str, str]:
    """The settings with which LocalStack listens at these addresses alone."""
    # LocalStack's usual server takes an IPv4 address for all of the machine's, so it is given IPv4-mapped IPv6 ones.
    if _has_mapped_addresses():
        return {"GATEWAY_LISTEN": ",".join(f"[::ffff:{host}]:{port}" for host in hosts)}
    return {"GATEWAY_LISTEN": ",".join(f"{host}:{port}" for host in hosts), "GATEWAY_SERVER": "hypercorn"}


def _has_mapped_addresses() -> bool:
    """Whether an IPv6 socket can listen at an IPv4 address here. Without IPv6, or with bindv6only, none can."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind((f"::ffff:{HOST}", 0))
    except OSError:
        return False
    return True


def _await_ready(port: int, process: subprocess.Popen[bytes]) -> Instance:
    log = _folder(port) / "localstack.log"
    deadline = time.monotonic() + _START_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            if process.returncode == -signal.SIGKILL:
                raise SagaError("LocalStack was killed while it started", "Start it again: saga up")
            printed = log.read_text(errors="replace")
            room.check_failure(printed)
            lines = printed.strip().splitlines()
            last_line = lines[-1] if lines else "nothing"
            raise SagaError(f"LocalStack ended while it started. It last printed: {last_line}", f"Read its log: {log}")
        if instance := status(port):
            return instance
        time.sleep(0.1)
    raise SagaError(f"LocalStack was not ready within {_START_TIMEOUT_SECONDS} s", f"Read its log: {log}")
