"""The stack, built and deployed by the SAM CLI as anyone would: sam build, then sam deploy."""

import os
import platform
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from sagactl.errors import SagaError
from sagactl.paths import PROJECT, SAM_VENV, VENV
from sagactl.stack.aws import Target, stack_outputs

BUILD = PROJECT / ".aws-sam/build"
_NOWHERE = Target("http://127.0.0.1")  # building asks no AWS
Step = Callable[[str], AbstractContextManager[None]]


def deploy(
    where: Target, parameters: Mapping[str, str], *, verbose: bool = False, step: Step = lambda _: nullcontext()
) -> dict[str, str]:
    """Build, deploy, and give the stack's outputs; `step` is entered with the title of each step.

    Raises SagaError at the first failure: after a failed build, `sam deploy` would deploy the bare source
    and report success.
    """
    if not (SAM_VENV / "bin/sam").exists():
        raise SagaError("The SAM CLI is not installed", "Run: make setup")
    where.check()
    environment = "default" if where.is_local else "aws"
    options = ["--config-env", environment]
    if overrides := _overrides(environment, where, parameters):
        options += ["--parameter-overrides", *(f"{name}={value}" for name, value in overrides.items())]
    with step("Building the functions (sam build)"), ThreadPoolExecutor() as pool:
        bucket_options = pool.submit(prepare_local, where) if where.is_local else None
        build(where, options, verbose=verbose)
        if not where.is_local:
            compile_bytecode()
    with step("Deploying the stack (sam deploy)"):
        options += bucket_options.result() if bucket_options else []
        sam(where, ["deploy", *options], verbose=verbose)
    return stack_outputs(where)


def build(where: Target = _NOWHERE, options: Sequence[str] = (), *, verbose: bool = False) -> None:
    """Build every function into a folder of its own, below BUILD."""
    sam(where, ["build", "--cached", "--parallel", *options], verbose=verbose)


def compile_bytecode() -> None:
    """Put Python's bytecode into what was built: Lambda can't write it, and would compile at every cold start."""
    command: list[str | Path] = [
        VENV / "bin/python",
        "-m",
        "compileall",
        "-qq",
        "-j0",
        "--invalidation-mode=unchecked-hash",
        BUILD,
    ]
    subprocess.run(command, check=True)


def forget_bytecode() -> None:
    for folder in BUILD.rglob("__pycache__"):
        shutil.rmtree(folder)


def _overrides(environment: str, where: Target, given: Mapping[str, str]) -> dict[str, str]:
    """Merge the parameters, because those on sam's command line replace all those of samconfig.toml."""
    config = tomllib.loads((PROJECT / "samconfig.toml").read_text())
    overrides: dict[str, str] = {}
    for command in ("global", "deploy"):
        text = config.get(environment, {}).get(command, {}).get("parameters", {}).get("parameter_overrides", "")
        overrides |= dict(pair.split("=", 1) for pair in shlex.split(text))
    if where.is_local:
        # The functions run on this machine, so their compiled dependencies must be for it.
        overrides["Architecture"] = architecture()
    return overrides | dict(given)


def architecture() -> str:
    """This machine's, in Lambda's words."""
    return "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"


def prepare_local(where: Target) -> list[str]:
    """Do what LocalStack would otherwise do during the deployment; give sam's options for its bucket."""
    # sam's own bucket comes from a stack of its own, for which it waits 15 s. No two accounts may name theirs the same.
    bucket = f"saga-build-{where.client('sts').get_caller_identity()['Account']}"
    where.client("s3").create_bucket(Bucket=bucket)
    # LocalStack loads a service when it is first asked, and DynamoDB takes seconds: not while nobody waits.
    where.client("cloudformation").list_stacks()
    where.client("dynamodb").list_tables()
    where.client("apigateway").get_rest_apis()
    where.client("lambda").list_functions()
    return ["--no-resolve-s3", "--s3-bucket", bucket]


def sam(where: Target, arguments: list[str], *, verbose: bool = False) -> None:
    """Run the SAM CLI. Raises SagaError, with all that it printed, if it fails."""
    environment = where.environment() | {
        "PYTHONDONTWRITEBYTECODE": "",  # uv installs no bytecode; without any, sam takes 3 s to start
        "PATH": f"{VENV / 'bin'}{os.pathsep}{os.environ['PATH']}",  # sam build looks for python3.13 there
        "SAM_CLI_POLL_DELAY": "1",  # seconds; the 5 it waits by default take longer than all else
        "SAM_CLI_TELEMETRY": "0",
    }
    result = subprocess.run(
        [SAM_VENV / "bin/sam", *arguments],
        cwd=PROJECT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=None if verbose else subprocess.PIPE,
        stderr=None if verbose else subprocess.STDOUT,
        text=True,
        check=False,
    )
    if result.returncode:
        sys.stderr.write(result.stdout or "")
        message = f"sam {arguments[0]} failed with exit code {result.returncode}"
        raise SagaError(message, "Its output is above")
