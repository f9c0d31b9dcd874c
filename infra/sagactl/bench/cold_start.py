"""What a function's cold start takes beside importing boto3 and making the same clients."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from sagactl.bench.comparison import Compared, compare
from sagactl.design.template import Function
from sagactl.environment import NO_AWS_FILES, machine
from sagactl.local import functions
from sagactl.paths import LAMBDA_VENV
from sagactl.stack.deploy import built_code

RATIO_MAX = 1.25
HTTP_RATIO_MAX = 1.4  # Powertools' router comes on top
_SETTINGS = NO_AWS_FILES | {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",  # pragma: allowlist secret  # it is none
    "AWS_DEFAULT_REGION": "us-east-1",
}
_MAKE_CLIENTS = "import boto3\nfor name in {names}: boto3.client(name)"
_PRINT_CLIENTS = """
import boto3
make = boto3.client
boto3.client = lambda name, **options: print(name) or make(name, **options)
{own}
"""


def ratio_max(function: Function) -> float:
    """How many times as long as the bare SDK a cold start may take, with bytecode."""
    return HTTP_RATIO_MAX if function.module.endswith(".http") else RATIO_MAX


def compile_runtime() -> None:
    """Compiles what the functions find in Lambda's runtime, boto3 above all: there it has its bytecode."""
    python = LAMBDA_VENV / "bin/python"
    subprocess.run([python, "-m", "compileall", "-qq", "-j0", LAMBDA_VENV / "lib"], env=machine(), check=True)


def compare_start(function: Function, pairs: int) -> Compared:
    folder = built_code(function.name)
    environment = _SETTINGS | functions.environment(function.module)
    own = f"import {function.module}"
    client_names = _run(_PRINT_CLIENTS.format(own=own), folder, environment)[1].split()
    bare = _MAKE_CLIENTS.format(names=client_names)
    _run(bare, folder, environment)  # so that the disk's cache is warm for this as well
    return compare(
        lambda: _run(own, folder, environment)[0],
        lambda: _run(bare, folder, environment)[0],
        pairs,
    )


def _run(code: str, folder: Path, environment: dict[str, str]) -> tuple[float, str]:
    """Runs code in a new process, which can't write bytecode, as in Lambda. Returns its user CPU seconds and output."""
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            [LAMBDA_VENV / "bin/python", "-c", code],
            cwd=folder,
            env=environment | {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=output,
        )
        _, status, usage = os.wait4(process.pid, 0)
        output.seek(0)
        text = output.read()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise AssertionError(f"{code!r} ends with {process.returncode}")
    return usage.ru_utime, text


def zip_bytes_of(built: Path) -> int:
    with tempfile.TemporaryDirectory() as folder:
        return Path(shutil.make_archive(f"{folder}/function", "zip", built)).stat().st_size
