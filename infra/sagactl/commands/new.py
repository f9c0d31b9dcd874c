"""`saga new`: the files of a new service."""

import subprocess
import sys
from importlib.util import find_spec
from typing import Annotated

import typer

from sagactl import environment
from sagactl.design import scaffold
from sagactl.design.scaffold import Plan
from sagactl.errors import SagaError
from sagactl.paths import PROJECT
from sagactl.terminal import err, out

Service = Annotated[str, typer.Argument(metavar="SERVICE", help="Its name: small letters and digits.")]
Hears = Annotated[str, typer.Option("--hears", metavar="EVENT,EVENT", help="The events that it hears.")]
Tells = Annotated[
    str,
    typer.Option(
        "--tells", metavar="EVENT,EVENT", help="The events that it tells; new ones are added to the contracts."
    ),
]


def new(service: Service, hears: Hears, tells: Tells = "") -> None:
    """Write the files of a new service: its code, template and test.

    What the service decides is left to you: the test fails until you have
    decided. make derive and make check tell you the rest.
    """
    plan = Plan(service, _names(hears), _names(tells))
    problems = scaffold.problems(plan)
    if problems:
        for problem in problems:
            err.print(f"- {problem}", markup=False)
        raise SagaError("Nothing was written", "Correct the command and try again")
    if not find_spec("ruff"):
        raise SagaError("Nothing was written: ruff, which formats code, is not installed", "Run: make setup")
    files = scaffold.files(plan)
    derived = _write(files)
    out.print(_next_steps(plan, list(dict.fromkeys([*files, *derived]))))


def _names(listed: str) -> list[str]:
    """Returns the names between commas, each once."""
    return list(dict.fromkeys(name.strip() for name in listed.split(",") if name.strip()))


def _write(files: dict[str, str]) -> list[str]:
    """Writes the files, then what follows from them, and returns the paths of the latter."""
    for name, content in files.items():
        path = PROJECT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    code = [name for name in files if name.endswith(".py")]
    _python("ruff", "check", "--quiet", "--fix", "--select=I", *code)
    _python("ruff", "format", "--quiet", *code)
    return _python("sagactl.design.derived_files").splitlines()  # in a new process, because the code is new


def _python(*module: str) -> str:
    """Returns what the module printed."""
    command = [sys.executable, "-m", *module]
    ran = subprocess.run(command, cwd=PROJECT, env=environment.code(), capture_output=True, text=True, check=False)
    if ran.returncode:
        raise SagaError(f"{' '.join(module)} failed:\n{ran.stdout}{ran.stderr}", "The service's files are written")
    return ran.stdout


def _next_steps(plan: Plan, written: list[str]) -> str:
    return "\n".join(
        [
            *(f"wrote {name}" for name in written),
            "",
            f"1. Decide in functions/{plan.service}/reactions.py.",
            f"2. Fill in tests/unit/{plan.service}/test_reactions.py: .venv/bin/pytest tests/unit/{plan.service}",
            "3. Whenever a signature has changed: make derive",
            "4. See what is missing: make check",
        ]
    )
