"""What `make setup` installs again, and what it says when it cannot."""

import os
import re
import shutil
import subprocess
import sysconfig
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from support.driver import eventually

from sagactl.errors import SagaError
from sagactl.local import child, localstack, locks, programs, setup
from sagactl.local.setup import Part
from sagactl.paths import PROJECT


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(locks, "STATE", tmp_path)
    monkeypatch.setattr(setup, "PROJECT", tmp_path)
    monkeypatch.setattr(setup, "_LOG", tmp_path / "setup.log")
    (tmp_path / "lock.txt").write_text("a==1\n")
    return tmp_path


def part(folder: Path, install: Callable[[], None] = lambda: None, *, is_movable: bool = False) -> Part:
    contents = [folder / "some/venv"]
    return Part("some", [folder / "lock.txt"], folder / "some/installed", install, contents, is_movable)


def test_what_is_installed_is_complete(folder: Path) -> None:
    some = part(folder)
    assert not some.is_complete
    setup._install(some)
    assert some.is_complete


@pytest.mark.parametrize("is_movable", [False, True])
def test_what_was_moved_is_installed_again_unless_it_works_anywhere(
    monkeypatch: pytest.MonkeyPatch, folder: Path, is_movable: bool
) -> None:
    some = part(folder, is_movable=is_movable)
    setup._install(some)
    monkeypatch.setattr(setup, "PROJECT", folder / "elsewhere")
    assert (some.is_complete, some.is_only_outdated) == (is_movable, is_movable)


def test_what_has_another_lock_is_only_outdated(folder: Path) -> None:
    some = part(folder)
    setup._install(some)
    (folder / "lock.txt").write_text("a==2\n")
    assert (some.is_complete, some.is_only_outdated) == (False, True)


def test_what_was_interrupted_is_not_complete(folder: Path) -> None:
    setup._install(part(folder))
    (folder / "lock.txt").write_text("a==2\n")

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        setup._install(part(folder, interrupt))
    assert not part(folder).is_only_outdated


@pytest.fixture
def installs(monkeypatch: pytest.MonkeyPatch, folder: Path) -> list[str]:
    """The locks that the environment of the saga command is made from, whenever it is."""
    installs: list[str] = []
    monkeypatch.setattr(setup, "VENV", folder / "venv")
    monkeypatch.setattr(setup, "_REQUIREMENTS", folder)
    monkeypatch.setattr(setup, "_install_saga", installs.append)
    for name in ("uv.txt", "saga.txt", "dev.txt", "pyproject.toml"):
        (folder / name).write_text(f"{name}==1\n")
    return installs


def install_saga(*names: str) -> None:
    saga = next(part for part in setup.parts(names) if part.name == "saga")
    setup._install(saga)


def test_what_the_tests_need_comes_to_what_the_saga_command_needs(installs: list[str]) -> None:
    install_saga()
    install_saga()
    install_saga("dev", "npm")
    install_saga("npm", "dev")
    assert installs == ["saga.txt", "dev.txt"]


def test_what_the_tests_need_is_not_taken_away_for_the_saga_command(installs: list[str], folder: Path) -> None:
    install_saga("dev")
    install_saga()
    assert installs == ["dev.txt"]
    (folder / "pyproject.toml").write_text("another")
    install_saga()
    assert installs == ["dev.txt", "saga.txt"]


def test_all_locks_of_the_saga_command_have_the_same_versions() -> None:
    uv, saga, dev = (
        set(re.findall(r"(?m)^\S+==\S+", (PROJECT / f"requirements/{name}.txt").read_text()))
        for name in ("uv", "saga", "dev")
    )
    assert uv < saga < dev


@pytest.mark.parametrize("is_elsewhere", [False, True])
def test_pip_is_the_one_that_python_has(monkeypatch: pytest.MonkeyPatch, folder: Path, is_elsewhere: bool) -> None:
    """Some distributions have it in a folder of their own, and some have it in a package of its own."""
    wheels = folder / "wheels"
    (folder / "ensurepip").mkdir()
    bundled = folder / "ensurepip/_bundled"
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(folder))
    monkeypatch.setattr(sysconfig, "get_config_var", lambda _: str(wheels) if is_elsewhere else None)
    with pytest.raises(SagaError, match=r"no ensurepip\. Install it: on Debian and Ubuntu, python3\.13-venv"):
        setup._own_pip()
    archive = (wheels if is_elsewhere else bundled) / "pip-24.2-py3-none-any.whl"
    archive.parent.mkdir()
    archive.touch()
    assert setup._own_pip() == archive


@pytest.fixture
def package(folder: Path) -> Path:
    """A package in an environment that is installed, with code and something large."""
    package = folder / "some/venv/lib/python3.13/site-packages/typer"
    package.mkdir(parents=True)
    (package / "main.py").touch()
    (package / "compiled.so").write_bytes(bytes(200_000))
    setup._install(part(folder))
    return package


@pytest.mark.parametrize(
    "damage",
    [
        shutil.rmtree,
        lambda package: shutil.rmtree(package.parents[2]),
        lambda package: (package / "main.py").unlink(),
        lambda package: os.truncate(package / "compiled.so", 1000),
    ],
)
@pytest.mark.parametrize("is_movable", [False, True])
def test_what_is_half_deleted_is_installed_anew(
    folder: Path, package: Path, damage: Callable[[Path], None], is_movable: bool
) -> None:
    some = part(folder, is_movable=is_movable)
    some.complete()
    damage(package)
    assert (some.is_complete, some.is_only_outdated) == (False, False)


def test_what_was_added_since_is_left_as_it_is(folder: Path, package: Path) -> None:
    (package / "__pycache__").mkdir()
    (package.parent / "debugger").mkdir()
    assert part(folder).is_complete


def test_what_python_compiles_does_not_stand_for_what_is_missing(folder: Path, package: Path) -> None:
    (package / "__pycache__").mkdir()
    (package / "main.py").unlink()
    assert not part(folder).is_complete


@pytest.fixture
def launcher(tmp_path: Path) -> Path:
    """The saga command of an environment whose Python only says that it ran."""
    launcher = tmp_path / "it's here/.venv/bin/saga"
    launcher.parent.mkdir(parents=True)
    python = launcher.with_name("python")
    python.write_text("#!/bin/sh\necho ran\n")
    python.chmod(0o755)
    setup._write_launcher(launcher)
    return launcher


def test_the_launcher_of_a_copy_runs_nothing(launcher: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(launcher)
    for path in (launcher, tmp_path / "link"):
        assert subprocess.check_output([path], text=True) == "ran\n"
    copy = shutil.copytree(tmp_path / "it's here", tmp_path / "copy") / ".venv/bin/saga"
    assert refusal_of(copy) == "error: This checkout was copied or moved. Run: make setup.\n"


def test_the_launcher_says_that_its_python_is_gone(launcher: Path) -> None:
    launcher.with_name("python").unlink()
    launcher.with_name("python").symlink_to("/nowhere/python3.13")
    assert refusal_of(launcher) == "error: The Python that .venv was made with is gone. Run: make setup.\n"


def refusal_of(launcher: Path) -> str:
    ran = subprocess.run([launcher], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (1, "")
    return ran.stderr


@pytest.mark.parametrize("mark", ["", "{", "installed", "[]", '{"place": "/a", "python": "3.13", "sources": "0"}'])
def test_a_mark_of_another_kind_is_none(folder: Path, mark: str) -> None:
    (folder / "some").mkdir()
    (folder / "some/installed").write_text(mark)
    assert not part(folder).is_complete


@pytest.mark.parametrize(
    ("printed", "line"),
    [
        (
            "error: Failed to fetch: `https://a`\n  Caused by: no route\n  Caused by: refused\n",
            "a tool failed: Caused by: refused. Read all that it printed: setup.log.",
        ),
        (
            "error: Failed to fetch\n  cause: invalid peer certificate: UnknownIssuer\n\nhint: Consider\n",
            "a tool failed: cause: invalid peer certificate: UnknownIssuer. ",
        ),
        (
            "WARNING: again\nERROR: No such distribution\nhint\n",
            "a tool failed: ERROR: No such distribution. ",
        ),
        (
            "npm error code E404\nnpm error 404 Not Found - GET https://a\nnpm error 404\nnpm error A log is in: /l\n",
            "a tool failed: 404 Not Found - GET https://a. ",
        ),
        ("", "a tool failed: it printed nothing. "),
        ("error: failed to write\n  Caused by: No space left on device (os error 28)\n", "No space left on device. "),
        ("npm error code ENOSPC\n", "No space left on device. "),
    ],
)
def test_a_tool_that_fails_is_one_line(folder: Path, printed: str, line: str) -> None:
    printing = ["/bin/sh", "-c", 'printf %s "$0"; exit 2', printed]
    with pytest.raises(SagaError) as raised:
        setup._run("a tool", printing, {}, folder)
    assert str(raised.value).startswith(line)
    assert "\n" not in str(raised.value)


def test_a_tool_that_had_no_room_for_what_it_says_is_one_line(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=4096))
    with pytest.raises(SagaError, match="No space left on device"):
        setup._run("a tool", ["/bin/false"], {}, folder)


def test_the_log_has_what_the_first_that_failed_printed(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    def tool(script: str) -> Callable[[], None]:
        return lambda: setup._run("a tool", ["/bin/sh", "-c", script], {"PATH": os.environ["PATH"]}, folder)

    lock = [folder / "lock.txt"]
    slow = Part("saga", lock, folder / "slow", tool("touch started; sleep 60"))
    failing = tool("until [ -e started ]; do sleep 0.01; done; echo error: no way; exit 1")
    monkeypatch.setattr(setup, "parts", lambda _: [slow, Part("failing", lock, folder / "failing", failing)])
    monkeypatch.setattr(setup, "check_machine", lambda *_: None)
    monkeypatch.setattr(setup, "_prepare", lambda _: None)
    with pytest.raises(SagaError, match="a tool failed: error: no way"):
        setup.install([])
    assert (folder / "setup.log").read_text() == "error: no way\n"


@pytest.fixture
def fails(monkeypatch: pytest.MonkeyPatch, folder: Path) -> Callable[..., Part]:
    """Installs what needs no uv, while the environment can't be made. Returns what was installed so far."""

    def install_both(by_npm: Callable[[], None], until: Callable[[], object]) -> Part:
        def prepare(_: Part) -> None:
            until()
            raise SagaError("no pip", "Install it")

        other = Part("by npm", [folder / "lock.txt"], folder / "by npm", by_npm, is_movable=True)
        monkeypatch.setattr(setup, "parts", lambda _: [replace(part(folder), name="saga"), other])
        monkeypatch.setattr(setup, "check_machine", lambda *_: None)
        monkeypatch.setattr(setup, "_prepare", prepare)
        with pytest.raises(SagaError, match="no pip"):
            setup.install([])
        return other

    return install_both


def test_what_needs_no_uv_is_installed_while_the_environment_is_made(fails: Callable[..., Part], folder: Path) -> None:
    def tool() -> None:
        setup._run("a tool", ["/bin/sh", "-c", "touch started; exec sleep 60"], {"PATH": os.environ["PATH"]}, folder)

    by_npm = fails(tool, until=lambda: eventually((folder / "started").exists, "the tool's start"))
    assert not by_npm.mark.exists(), "the tool was not ended"


def test_what_is_about_to_start_when_a_tool_fails_is_ended_too(fails: Callable[..., Part], folder: Path) -> None:
    has_failed = threading.Event()
    ended = 0

    def late() -> None:
        nonlocal ended
        has_failed.wait()
        time.sleep(0.1)  # by then, what ran is ended
        for _ in range(2):
            try:
                setup._run("a tool", ["/bin/sleep", "60"], {}, folder)
            except SagaError:
                ended += 1

    fails(late, until=has_failed.set)
    assert ended == 2


@pytest.fixture
def programs_on_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Path]:
    """Puts programs on the PATH, alone, each with its shell script."""

    def put(**scripts: str) -> Path:
        for name, script in scripts.items():
            (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
            (tmp_path / name).chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.delenv("JAVA_HOME", raising=False)
        return tmp_path

    return put


@pytest.mark.parametrize("name", ["C# work", "a ; b", "c[x]"])
def test_uv_is_told_no_path_that_it_would_take_apart(monkeypatch: pytest.MonkeyPatch, folder: Path, name: str) -> None:
    told: list[str | Path] = []
    project = folder / name
    (project / "infra/localstack").mkdir(parents=True)
    (project / "infra/localstack/pyproject.toml").touch()
    monkeypatch.setattr(setup, "PROJECT", project)
    monkeypatch.setattr(setup, "STATE", project / ".saga")
    monkeypatch.setattr(setup, "_uv", lambda *arguments: told.extend(arguments))
    monkeypatch.setattr(setup, "_write_launcher", lambda _: None)
    monkeypatch.setattr(localstack, "index_services", lambda: None)
    setup._install_saga("saga.txt")
    setup._environment("localstack").install()
    assert [told[at + 1] for at, told_so in enumerate(told) if told_so == "--editable"] == ["./.", "./infra/localstack"]


def check_for(*names: str, is_installed: bool = False) -> None:
    wanted = setup.parts(names)
    setup.check_machine(wanted, [] if is_installed else wanted)


def test_a_folder_with_a_colon_is_refused(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    (folder / "a:b").mkdir()
    monkeypatch.setattr(setup, "PROJECT", folder / "a:b")
    with pytest.raises(SagaError, match=r"a:b has a colon in its name.* Rename it, or clone to a folder without one"):
        check_for("dev")


@pytest.mark.parametrize(("path", "is_refused"), [(f"/{'a' * 199}", False), (f"/{'é' * 100}", True)])
def test_a_folder_whose_path_is_too_long_is_refused(
    monkeypatch: pytest.MonkeyPatch, path: str, is_refused: bool
) -> None:
    monkeypatch.setattr(setup, "PROJECT", Path(path))
    monkeypatch.setattr(os, "access", lambda *_: True)
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_flag=0))
    refused = pytest.raises(SagaError, match=r"is longer than 200 bytes.* Clone to a folder with a shorter path")
    with refused if is_refused else nullcontext():
        setup.check_folder()


def test_without_room_for_all_nothing_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=600 * 10**6))
    with pytest.raises(SagaError, match="No space left on device"):
        check_for("stack")
    check_for("stack", is_installed=True)


def test_a_folder_from_which_nothing_may_run_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_flag=os.ST_NOEXEC))
    with pytest.raises(SagaError, match=r"mounted with noexec\. Clone to another file system"):
        check_for("dev")


JAVA_8 = """echo 'openjdk version "1.8.0_402"' >&2"""
JAVA_21 = """echo 'openjdk version "21" 2023-09-19' >&2"""


def test_all_that_is_missing_is_one_line(programs_on_path: Callable[..., Path]) -> None:
    folder = programs_on_path(java=JAVA_8)
    with pytest.raises(SagaError) as raised:
        check_for("stack")
    assert str(raised.value) == (
        f"{folder}/java is Java 8; npm is not on the PATH. "
        "Put Java 17 or newer first on the PATH. Install Java 17 or newer and npm, and try again."
    )


@pytest.mark.parametrize(
    ("names", "is_installed", "needed"),
    [
        (["stack"], False, {"Java", "npm"}),
        (["stack"], True, {"Java"}),
        (["stack", "dev", "npm"], True, {"Java", "npm"}),
        (["dev"], False, set()),
        (["dev"], True, set()),
    ],
)
def test_java_and_npm_must_be_there_whenever_they_are_run(
    programs_on_path: Callable[..., Path], names: list[str], is_installed: bool, needed: set[str]
) -> None:
    """A shell may have none of them where the one that installed all had both."""
    programs_on_path()
    said = ""
    try:
        check_for(*names, is_installed=is_installed)
    except SagaError as error:
        said = error.message
    assert set(re.findall("Java|npm", said)) == needed


def test_what_is_installed_is_not_run_without_its_programs(
    monkeypatch: pytest.MonkeyPatch, programs_on_path: Callable[..., Path], folder: Path
) -> None:
    dynamodb = replace(part(folder), name="dynamodb")
    setup._install(dynamodb)
    monkeypatch.setattr(setup, "parts", lambda _: [dynamodb])
    programs_on_path()
    with pytest.raises(SagaError, match="DynamoDB Local needs Java"):
        setup.install(["stack"])


def test_the_java_of_java_home_is_taken_if_that_of_the_path_is_too_old(
    monkeypatch: pytest.MonkeyPatch, programs_on_path: Callable[..., Path]
) -> None:
    home = programs_on_path(java=JAVA_8) / "home"
    (home / "bin").mkdir(parents=True)
    (home / "bin/java").write_text(f"#!/bin/sh\n{JAVA_21}\n")
    (home / "bin/java").chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(home))
    assert programs.java() == str(home / "bin/java")


def test_an_interrupt_ends_what_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def interrupt(_: object) -> None:
        while not (tmp_path / "child").exists():
            pass
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess.Popen, "communicate", interrupt)
    script = "sleep 600 & echo $! > grandchild; mv grandchild child; wait"
    with pytest.raises(KeyboardInterrupt):
        child.run(["/bin/sh", "-c", script], {"PATH": os.environ["PATH"]}, tmp_path)
    grandchild = int((tmp_path / "child").read_text())
    deadline = time.monotonic() + 10
    while is_running(grandchild) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not is_running(grandchild)


def is_running(pid: int) -> bool:
    """Not as a zombie, which only waits to be read."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"
