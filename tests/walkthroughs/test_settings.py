"""The real command, in the shell of someone who has settings for other projects, is impatient, or starts it twice."""

import errno
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.ports import free_port

from sagactl.local import localstack
from sagactl.paths import PROJECT, VENV

SAGA = VENV / "bin/saga"
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")


def hostile() -> dict[str, str]:
    """What CI runs with, and proxies at which nobody answers."""
    lines = (PROJECT / ".ci/hostile").read_text().splitlines()
    settings = dict(line.split("=", 1) for line in lines if not line.startswith("#"))
    return settings | dict.fromkeys(PROXIES, "http://127.0.0.1:9") | {"NO_PROXY": "localhost"}


@pytest.fixture
def port() -> Iterator[int]:
    port = free_port()
    yield port
    localstack.stop(port)


def saga(*arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    command = [str(SAGA), *arguments]
    return subprocess.run(command, env=os.environ | settings, capture_output=True, text=True, check=False)


@pytest.fixture
def home(tmp_path: Path) -> str:
    """The home that CI runs with."""
    return str(shutil.copytree(PROJECT / ".ci/home", tmp_path / "home"))


def test_no_setting_in_the_home_changes_what_is_checked(home: str) -> None:
    ran = subprocess.run(
        ["/usr/bin/env", "make", "check"],
        cwd=PROJECT,
        env=os.environ | {"HOME": home},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, (ran.stdout, ran.stderr)


def test_no_setting_of_another_project_changes_anything(port: int, home: str) -> None:
    built = saga("up", "--port", str(port)), saga("deploy", "--port", str(port))  # while packages can be fetched
    assert [step.returncode for step in built] == [0, 0], built
    at = ("--port", str(port))
    settings = hostile() | {"HOME": home}
    for arguments in (
        ("deploy", *at),
        ("stock", "set", "item-001", "500", *at),
        ("order", "--product", "item-001", "--quantity", "1", "--amount", "5", "--wait", *at),
        ("orders", *at),
        ("down", "--port", str(port)),
    ):
        done = saga(*arguments, **settings)
        assert done.returncode == 0, (arguments, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("has_ipv6", [True, False])
def test_localstack_listens_at_its_own_address_alone(
    port: int, monkeypatch: pytest.MonkeyPatch, has_ipv6: bool
) -> None:
    if not has_ipv6:
        monkeypatch.setattr(localstack, "_has_mapped_addresses", lambda: False)
    localstack.start(port)
    assert localstack.status(port)
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.2", port)) == errno.ECONNREFUSED


def test_two_that_start_it_at_once_start_one(port: int) -> None:
    command = [str(SAGA), "up", "--port", str(port), "--json"]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    told = [process.communicate() for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    assert told[0][0] == told[1][0]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
@pytest.mark.parametrize("after_seconds", [0.5, 3, 9])
def test_what_ends_the_demo_ends_all_that_it_started(port: int, number: signal.Signals, after_seconds: float) -> None:
    with subprocess.Popen(
        [str(SAGA), "demo", "--port", str(port)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as demo:
        time.sleep(after_seconds)
        demo.send_signal(number)
        _, said = demo.communicate(timeout=30)
    assert demo.returncode in {128 + number, -number}  # itself, or before it could
    assert "Traceback" not in said
    assert localstack.status(port) is None
    assert not localstack._marked(localstack._mark(port))


def test_a_program_that_reads_no_further_leaves_nothing_running(port: int) -> None:
    script = '"$0" demo --port "$1" | true'
    subprocess.run(["/bin/bash", "-c", script, str(SAGA), str(port)], capture_output=True, check=False)
    assert not localstack._marked(localstack._mark(port))


def test_the_launcher_takes_no_python_but_its_own(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("raise SystemExit('foreign')")
    settings = {
        "PYTHONPATH": str(tmp_path),
        "PYTHONHOME": str(tmp_path),
        "PYTHONOPTIMIZE": "2",
        "PYTHONWARNINGS": "error",
    }
    assert saga("--help", **settings).returncode == 0
