"""`saga bench init`: what a function needs to start, and what the kernel adds to the SDK's calls."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group
from rich.table import Table

from sagactl import loading, template
from sagactl.bench.kernel import Timed, time_kernel
from sagactl.deploy import BUILD, build, compile_bytecode, forget_bytecode
from sagactl.options import Json
from sagactl.paths import LAMBDA_VENV
from sagactl.template import Function
from sagactl.terminal import err, progress, result, table

_SETTINGS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
_MAKE_CLIENTS = "import boto3\nfor name in {names}: boto3.client(name)"
_NAME_CLIENTS = "import boto3\nmake = boto3.client\nboto3.client = lambda name: print(name) or make(name)\n{own}"


def add_to(app: typer.Typer) -> None:
    app.command()(init)


def init(
    pairs: Annotated[int, typer.Option(min=1, max=1000, help="Measurements of each kind.")] = 15,
    source: Annotated[bool, typer.Option("--source", help="Without bytecode, as sam alone packs functions.")] = False,
    as_json: Json = False,
) -> None:
    """Measure cold starts beside bare boto3, and the kernel beside bare SDK calls.

    A cold start is a fresh process that imports a function; beside it, one that imports boto3 and makes the same
    clients. Both are in seconds of user CPU, alternating; the ratio is the median of the pairs'.
    """
    with err.status("Building the functions (sam build)"):
        build()
        (forget_bytecode if source else compile_bytecode)()
    functions = {_name(function): function for function in template.functions()}
    started = {name: _start(functions[name], pairs) for name in progress(functions, "Cold starts", len(functions))}
    err.print("The kernel")  # without a spinner: its thread would disturb the times
    kernel = time_kernel(pairs)
    zip_bytes = _zip_bytes(BUILD / next(iter(functions.values())).name)
    fields = {
        "functions": {name: timed.fields() for name, timed in started.items()},
        "kernel": {name: timed.fields() for name, timed in kernel.items()},
        "zipBytes": zip_bytes,
    }
    size = f"Each function's zip has {zip_bytes / 1e6:.1f} MB, {'without' if source else 'with'} bytecode."
    cold = _table("cold start, ms of user CPU", "boto3 alone", started, 1000)
    shown = Group(cold, "", _table("a reaction, µs of CPU", "its calls alone", kernel, 1_000_000), "", size)
    result(fields, shown, as_json=as_json)


def _name(function: Function) -> str:
    return template.text(function.properties["FunctionName"]).removeprefix("${AWS::StackName}-")


def _start(function: Function, pairs: int) -> Timed:
    folder, environment = BUILD / function.name, _SETTINGS | loading.environment(function.module)
    own = f"import {function.module}"
    names = _run(_NAME_CLIENTS.format(own=own), folder, environment)[1].split()
    bare = _MAKE_CLIENTS.format(names=names)
    _run(bare, folder, environment)  # warms the disk's cache, as the one above does
    measured = [(_run(own, folder, environment)[0], _run(bare, folder, environment)[0]) for _ in range(pairs)]
    return Timed.of(measured)


def _run(code: str, folder: Path, environment: dict[str, str]) -> tuple[float, str]:
    """User CPU seconds of a fresh process, and what it printed. Like in Lambda, it can't write next to the code."""
    with tempfile.TemporaryFile("w+") as printed:
        process = subprocess.Popen(
            [LAMBDA_VENV / "bin/python", "-c", code],
            cwd=folder,
            env=environment | {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=printed,
        )
        _, status, usage = os.wait4(process.pid, 0)
        printed.seek(0)
        text = printed.read()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise AssertionError(f"{code!r} ends with {process.returncode}")
    return usage.ru_utime, text


def _zip_bytes(built: Path) -> int:
    with tempfile.TemporaryDirectory() as folder:
        return Path(shutil.make_archive(f"{folder}/function", "zip", built)).stat().st_size


def _table(title: str, beside: str, rows: dict[str, Timed], scale: int) -> Table:
    shown = table(title, "ours", beside, "ratio")
    for column in shown.columns[1:]:
        column.justify = "right"
    for name, timed in rows.items():
        shown.add_row(name, f"{timed.own * scale:.0f}", f"{timed.bare * scale:.0f}", f"{timed.ratio:.2f}")
    return shown
