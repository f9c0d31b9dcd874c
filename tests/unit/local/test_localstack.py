"""What LocalStack is started with, and what two commands do that start it at the same time."""

import errno
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import yaml

from sagactl.local import dynamodb, localstack, locks, programs
from sagactl.local.localstack import Instance
from sagactl.paths import PROJECT

PORT = 4599
FOREIGN = (
    "AWS_PROFILE",
    "DEBUG",
    "DYNAMODB_SHARE_DB",
    "GATEWAY_LISTEN",
    "HTTP_PROXY",
    "JAVA_TOOL_OPTIONS",
    "LAMBDA_RUNTIME_EXECUTOR",
    "LAMBDA_RETRY_BASE_DELAY",
    "LOCALSTACK_HOST",
    "PERSISTENCE",
    "PYTHONPATH",
    "SERVICES",
    "XDG_CACHE_HOME",
)


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(localstack, "LOCALSTACK", tmp_path)
    monkeypatch.setattr(locks, "STATE", tmp_path)
    monkeypatch.setattr(localstack, "_INDEXED", tmp_path / "indexed")
    static = tmp_path / "indexed" / localstack._STATIC
    monkeypatch.setattr(localstack, "index_services", lambda: static.mkdir(parents=True))
    return tmp_path


def environment() -> dict[str, str]:
    return localstack._environment(["127.0.0.1"], PORT, "/opt/java/bin/java")


@pytest.mark.parametrize("name", FOREIGN)
def test_a_setting_of_another_localstack_is_none_of_this_one(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    before = environment()
    monkeypatch.setenv(name, "of another")
    assert environment() == before


def test_no_start_finds_what_another_has_kept(folder: Path) -> None:
    """LocalStack keeps its list of entry points in a cache. If that is cut off, no later start works."""
    assert environment()["HOME"] == str(folder / str(PORT) / "tmp")
    assert "XDG_CACHE_HOME" not in environment()


def test_a_setting_that_is_meant_for_this_one_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAGA_LOCALSTACK_LAMBDA_RETRY_BASE_DELAY", "60")
    monkeypatch.setenv("SAGA_LOCALSTACK_DEBUG", "1")
    assert (environment()["LAMBDA_RETRY_BASE_DELAY"], environment()["DEBUG"]) == ("60", "1")


def test_a_container_has_the_same_settings_where_it_has_any() -> None:
    compose = yaml.safe_load((PROJECT / "infra/compose.yaml").read_text())
    settings = compose["services"]["localstack"]["environment"]
    here = environment()
    shared = {name: value.rpartition(":-")[2].rstrip("}") for name, value in settings.items() if name in here}
    assert "LAMBDA_EVENT_SOURCE_MAPPING_POLL_INTERVAL_SEC" in shared
    assert shared == {name: here[name] for name in shared}


def test_dynamodb_local_gets_the_java_that_was_found_and_any_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.setenv("PATH", "/usr/bin")
    assert environment()["PATH"] == "/opt/java/bin:/usr/bin"
    assert environment()["LC_ALL"] == "C.UTF-8"


@pytest.fixture(params=["no IPv6", "no mapped addresses"])
def without_mapped_addresses(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which no IPv6 socket can listen at an IPv4 address."""

    class Socket(socket.socket):
        def __init__(self, family: int = socket.AF_INET, *others: int) -> None:
            if family == socket.AF_INET6 and request.param == "no IPv6":
                raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
            super().__init__(family, *others)
            if family == socket.AF_INET6:
                self.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)

    monkeypatch.setattr(socket, "socket", Socket)


def test_localstack_is_given_no_ipv4_address_with_which_it_would_listen_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(localstack, "_has_mapped_addresses", lambda: True)
    settings = environment()
    assert settings["GATEWAY_LISTEN"] == f"[::ffff:127.0.0.1]:{PORT}"
    assert "GATEWAY_SERVER" not in settings


@pytest.mark.usefixtures("without_mapped_addresses")
def test_without_ipv6_another_server_listens_at_the_ipv4_address() -> None:
    settings = localstack._environment(["127.0.0.1", "172.17.0.1"], PORT, "/opt/java/bin/java")
    assert settings["GATEWAY_LISTEN"] == f"127.0.0.1:{PORT},172.17.0.1:{PORT}"
    assert settings["GATEWAY_SERVER"] == "hypercorn"


class Started:
    """Stands for LocalStack: it answers once it is launched."""

    def __init__(self) -> None:
        self.launched = 0
        self.stopped: list[int] = []

    def launch(self, *_: object, keep: bool) -> None:
        self.launched += 1
        localstack._state(PORT).write_text(f'{{"pid": 1, "keep": {str(keep).lower()}}}')

    def status(self, port: int) -> Instance | None:
        return Instance(port, "4.14.0", 1) if self.launched else None


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Started:
    started = Started()
    monkeypatch.setattr(localstack, "_check", lambda *_: None)
    monkeypatch.setattr(localstack, "status", started.status)
    monkeypatch.setattr(localstack, "_launch", started.launch)
    monkeypatch.setattr(localstack, "_await_ready", lambda port, _: Instance(port, "4.14.0", 1))
    monkeypatch.setattr(programs, "java", lambda: "/opt/java/bin/java")
    monkeypatch.setattr(dynamodb, "install", lambda: Path("/opt/dynamodb"))
    monkeypatch.setattr(localstack, "stop", started.stopped.append)
    return started


def test_an_installation_that_is_older_than_the_index_gets_one(started: Started, folder: Path) -> None:
    """Without it, LocalStack would never be ready."""
    localstack.start(PORT)
    assert started.launched == 1
    static = folder / str(PORT) / "root" / localstack._STATIC
    assert static.resolve(strict=True) == folder / "indexed" / localstack._STATIC


def test_of_two_that_start_it_at_once_the_second_finds_it(started: Started) -> None:
    found: list[Instance] = []
    threads = [threading.Thread(target=lambda: found.append(localstack.start(PORT))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert started.launched == 1
    assert sorted(instance.is_new for instance in found) == [False, True]


def test_what_someone_wants_to_keep_is_not_stopped(started: Started) -> None:
    localstack.start(PORT, keep=False)
    localstack.start(PORT, keep=True)
    started.stopped.clear()
    localstack.stop_unless_kept(PORT)
    assert started.stopped == []


def test_what_nobody_wants_to_keep_is_stopped(started: Started) -> None:
    localstack.start(PORT, keep=False)
    started.stopped.clear()
    localstack.stop_unless_kept(PORT)
    assert started.stopped == [PORT]


def test_an_interrupt_while_it_stops_comes_after_that(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    def kill(_mark: str) -> bool:
        os.kill(os.getpid(), signal.SIGINT)
        done.append("killed")
        return True

    monkeypatch.setattr(localstack, "_kill", kill)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background it is ignored
    try:
        with pytest.raises(KeyboardInterrupt):
            localstack.stop(PORT)
    finally:
        signal.signal(signal.SIGINT, before)
    assert done == ["killed"]


def test_a_state_that_was_half_written_is_none(folder: Path) -> None:
    (folder / str(PORT)).mkdir()
    (folder / str(PORT) / "state.json").write_text('{"pid"')
    assert localstack._read_pid(PORT) is None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_a_signal_that_ends_the_command_leaves_its_blocks_first(number: signal.Signals) -> None:
    assert signalled(number, signal.SIG_DFL) == (128 + number, "stopped\n", f"Ended by {number.name}.\n")


def test_a_command_that_is_started_with_nohup_goes_on_without_its_terminal() -> None:
    assert signalled(signal.SIGHUP, signal.SIG_IGN) == (0, "went on\nstopped\n", "")


def signalled(number: signal.Signals, handler: signal.Handlers) -> tuple[int, str, str]:
    """What a command ends with and prints that gets the signal, whatever these tests were started with."""
    code = (
        "import contextlib, os, signal; from sagactl import __main__ as program, cli\n"
        f"signal.signal({int(number)}, signal.Handlers({int(handler)}))\n"
        "def app(**_):\n"
        "    with contextlib.ExitStack() as at_end:\n"
        "        at_end.callback(print, 'stopped', flush=True)\n"
        f"        os.kill(os.getpid(), {int(number)})\n"
        "        print('went on')\n"
        "cli.app = app\n"
        "program.main()\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return ran.returncode, ran.stdout, ran.stderr
