"""What a function needs to start, beside bare boto3."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from sagactl.bench.kernel import Timed
from sagactl.design import template
from sagactl.design.template import Function
from sagactl.local import loading
from sagactl.paths import LAMBDA_VENV
from sagactl.stack.deployment import BUILD

_SETTINGS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}


_MAKE_CLIENTS = "import boto3\nfor name in {names}: boto3.client(name)"


_NAME_CLIENTS = "import boto3\nmake = boto3.client\nboto3.client = lambda name: print(name) or make(name)\n{own}"


def name_of(function: Function) -> str:
    return template.text(function.properties["FunctionName"]).removeprefix("${AWS::StackName}-")


def start(function: Function, pairs: int) -> Timed:
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


def zip_bytes_of(built: Path) -> int:
    with tempfile.TemporaryDirectory() as folder:
        return Path(shutil.make_archive(f"{folder}/function", "zip", built)).stat().st_size
