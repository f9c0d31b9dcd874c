"""What `saga deploy` builds, and does to what sam has built."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from support.driver import eventually

from sagactl.errors import SagaError
from sagactl.local import child
from sagactl.paths import PROJECT
from sagactl.stack import deploy
from sagactl.stack.aws import Target

UNCHECKED = 1  # in a .pyc's flags: by the source's hash, which is not looked at
SOURCES = {
    "OrderFunction/order/app.py": "answer = 42\n",
    "PaymentFunction/order/app.py": "answer = 42\n",
    "Other/order/app.py": "answer = 43\n",
    "template.yaml": "Resources:\n"
    "  OrderFunction:\n    Properties:\n      CodeUri: OrderFunction\n"
    "  PaymentFunction:\n    Properties:\n      CodeUri: PaymentFunction\n"
    "  Other:\n    Properties:\n      CodeUri: Other\n",
}


@pytest.fixture(params=[None, "http://127.0.0.1:4599"])
def where(request: pytest.FixtureRequest) -> Target:
    return Target(request.param)


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The commands of sam that were run. Its build empties the folder and writes SOURCES into it."""
    ran: list[str] = []

    def sam(_where: Target, arguments: list[str], **_: Any) -> None:
        ran.append(arguments[0])
        if arguments[0] == "build":
            build(tmp_path)

    monkeypatch.setattr(deploy, "BUILD", tmp_path)
    monkeypatch.setattr(deploy, "sam", sam)
    monkeypatch.setattr(Target, "check", lambda _: None)
    monkeypatch.setattr(deploy, "is_deployed", lambda _: False)
    monkeypatch.setattr(deploy, "local_bucket", lambda _: [])
    monkeypatch.setattr(deploy, "_load_services", lambda _: None)
    monkeypatch.setattr(deploy, "stack_outputs", lambda _: {})
    return ran


@pytest.fixture
def uncompiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiling takes a second."""
    monkeypatch.setattr(deploy, "compile_bytecode", lambda: None)


def build(folder: Path) -> None:
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for name, text in SOURCES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_functions_get_bytecode(where: Target, ran: list[str]) -> None:
    deploy.deploy(where, {})
    assert ran == ["build", "deploy"]
    for name in ("OrderFunction", "Other"):
        [compiled] = deploy.built_code(name).rglob("__pycache__/app.cpython-313.pyc")
        assert compiled.read_bytes()[4] == UNCHECKED


def test_a_function_that_is_no_python_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(deploy, "BUILD", tmp_path)
    (tmp_path / "OrderFunction").mkdir()
    (tmp_path / "OrderFunction/app.py").write_text("answer =\n")
    with pytest.raises(SagaError, match=r"(?s)can't be compiled: .*OrderFunction/app\.py.*invalid syntax"):
        deploy.compile_bytecode()


def test_code_for_whose_bytecode_is_no_room_is_not_blamed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    printed = "*** Error compiling 'app.py'...\nOSError: [Errno 28] No space left on device\n"
    failed = subprocess.CompletedProcess([], 1, printed)
    monkeypatch.setattr(child, "run", lambda *_: failed)
    monkeypatch.setattr(deploy, "BUILD", tmp_path)
    with pytest.raises(SagaError, match=r"^No space left on device\. Make room, about 1 GB, and try again\.$"):
        deploy.compile_bytecode()


def test_what_compiles_is_ended_by_an_interrupt(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As sam is: in the terminal's process group, its workers are interrupted, and it waits for them for ever."""
    groups: list[int] = []

    def run(*arguments: Any, **options: Any) -> Any:
        groups.append(options["process_group"])
        return popen(*arguments, **options)

    popen = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", run)
    monkeypatch.setattr(deploy, "BUILD", tmp_path)
    deploy.compile_bytecode()
    assert groups == [0]


@pytest.mark.usefixtures("uncompiled")
def test_functions_with_the_same_code_are_packed_once(where: Target, ran: list[str], tmp_path: Path) -> None:
    deploy.deploy(where, {})
    assert ran == ["build", "deploy"]
    assert {path.name for path in tmp_path.iterdir() if path.is_dir()} == {"OrderFunction", "Other"}
    assert deploy.built_code("PaymentFunction") == deploy.built_code("OrderFunction") == tmp_path / "OrderFunction"
    assert deploy.built_code("Other") == tmp_path / "Other"
    packed = json.loads((tmp_path / "packed.json").read_text())["Resources"]
    of_order, of_payment, of_other = (packed[name]["Properties"]["CodeUri"] for name in packed)
    assert of_order == of_payment == "OrderFunction.zip"
    assert of_other == "Other.zip"
    with ZipFile(tmp_path / of_other) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {"order/app.py": b"answer = 43\n"}


@pytest.mark.usefixtures("uncompiled")
def test_the_same_code_is_packed_the_same_whenever_it_is_built(where: Target, ran: list[str], tmp_path: Path) -> None:
    """Or Lambda and S3 would take it for new code."""
    deploy.deploy(where, {})
    before = (tmp_path / "Other.zip").read_bytes()
    build(tmp_path)
    os.utime(tmp_path / "Other/order/app.py", (0, 10**9))
    deploy.pack()
    assert ran == ["build", "deploy"]
    assert (tmp_path / "Other.zip").read_bytes() == before


@pytest.mark.usefixtures("uncompiled")
def test_what_is_built_is_not_built_again(where: Target, ran: list[str]) -> None:
    deploy.deploy(where, {})
    deploy.deploy(where, {})
    assert ran == ["build", "deploy", "deploy"]


def test_dependencies_of_a_build_that_failed_are_fetched_again(
    where: Target, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """sam takes them for whole, and every function would fail to import what is missing."""
    kept_by_sam = tmp_path / "build.toml"
    found: list[bool] = []

    def sam(*_: Any, **_options: Any) -> None:
        found.append(kept_by_sam.exists())
        build(tmp_path / "build")
        kept_by_sam.touch()
        if len(found) == 1:
            raise SagaError("sam build failed", "Try again")

    monkeypatch.setattr(deploy, "BUILD", tmp_path / "build")
    monkeypatch.setattr(deploy, "sam", sam)
    (tmp_path / "build").mkdir()
    with pytest.raises(SagaError, match="sam build failed"):
        deploy.build(where)
    deploy.build(where)
    deploy.build(where)
    assert found == [False, False, True]


@pytest.mark.usefixtures("ran", "uncompiled")
def test_a_localstack_that_has_started_elsewhere_is_no_place_to_deploy_to(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    monkeypatch.setattr(Target, "check", lambda _: done.append("asked"))
    deploy.deploy(Target("https://localhost:4599"), {}, start=lambda: done.append("started"))
    assert done == ["started", "asked"]


@pytest.mark.parametrize(
    ("ending", "said", "message"),
    [
        ("exit 1", "half of a log\n", "sam build failed with exit code 1. Its output is above."),
        ("kill -KILL $$", "", "sam build was killed. Try again."),
    ],
)
def test_what_sam_has_said_is_shown_unless_it_was_killed(  # as it is after Ctrl-C, when nobody asks why
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    ending: str,
    said: str,
    message: str,
) -> None:
    program = tmp_path / "bin/sam"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho half of a log\n{ending}\n")
    program.chmod(0o755)
    monkeypatch.setattr(deploy, "SAM_VENV", tmp_path)
    with pytest.raises(SagaError) as raised:
        deploy.sam(Target(None), ["build"])
    assert (str(raised.value), capsys.readouterr().err) == (message, said)


def test_sam_loads_a_command_and_then_waits_for_its_options(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    package = tmp_path / "samcli"
    (package / "cli").mkdir(parents=True)
    (package / "cli/main.py").write_text("import sys\ndef cli(prog_name): sys.exit(f'{prog_name} {sys.argv[1:]}')\n")
    (package / "commands/deploy").mkdir(parents=True)
    (package / "commands/deploy/command.py").write_text(f"open({str(tmp_path / 'loaded')!r}, 'w')\n")
    program = tmp_path / "bin/python"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nPYTHONPATH="{tmp_path}" exec "{sys.executable}" "$@"\n')
    program.chmod(0o755)
    monkeypatch.setattr(deploy, "SAM_VENV", tmp_path)
    with ThreadPoolExecutor() as pool, deploy._told_later() as (options_from, tell):
        under_way = pool.submit(deploy.sam, Target(None), ["deploy"], options_from=options_from)
        eventually((tmp_path / "loaded").exists, "the command's load")
        assert not under_way.done()
        tell(["--stack-name", "saga"])
        with pytest.raises(SagaError, match="sam deploy failed with exit code 1"):
            under_way.result()
    assert capsys.readouterr().err == "sam ['deploy', '--stack-name', 'saga']\n"


def code_changes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    copy = tmp_path.with_name(f"{tmp_path.name}-copy")
    shutil.copytree(PROJECT / "functions", copy / "functions")
    for name in ("template.yaml", "samconfig.toml"):
        shutil.copy(PROJECT / name, copy)
    (copy / "functions/order/app.py").write_text("answer = 44\n")
    monkeypatch.setattr(deploy, "PROJECT", copy)


def sam_build_is_run_by_hand(_monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    build(tmp_path)


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize("happens", [code_changes, sam_build_is_run_by_hand])
def test_what_has_changed_is_built_again(
    where: Target,
    ran: list[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    happens: Callable[[pytest.MonkeyPatch, Path], None],
) -> None:
    deploy.deploy(where, {})
    happens(monkeypatch, tmp_path)
    deploy.deploy(where, {})
    assert ran == ["build", "deploy", "build", "deploy"]


@pytest.mark.usefixtures("uncompiled")
def test_other_parameters_are_built_again(where: Target, ran: list[str]) -> None:
    """The architecture is one: wheels differ by it."""
    deploy.deploy(where, {"PaymentLimit": "5"})
    deploy.deploy(where, {"PaymentLimit": "6"})
    assert ran == ["build", "deploy", "build", "deploy"]
