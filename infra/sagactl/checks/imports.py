"""Services import neither each other nor the saga command, and their reactions nothing impure.

import-linter checks this with contracts for whatever services there are. It also checks those in pyproject.toml, which
are about the saga command.
"""

import subprocess
import sys
import tomllib
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path

from sagactl import environment
from sagactl.paths import PROJECT, STATE

KERNEL = "saga"
CONTRACTS = "contracts"
COMMAND = "sagactl"
_REPORT = "Broken contracts\n----------------\n"  # what import-linter writes before it

PURE = ("reactions", "triggers")  # modules of a service
IMPURE = [
    "boto3",
    "botocore",
    "aws_lambda_powertools",
    "os",
    "sys",
    "time",
    "datetime",
    "random",
    "uuid",
    "logging",
    "saga.observe",
]


def problems() -> Iterator[str]:
    STATE.mkdir(exist_ok=True)
    config = STATE / "imports.ini"
    with config.open("w") as file:
        contracts().write(file)
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-logo", "--config", str(config)]
    own = environment.code() | {"COLUMNS": "120"}
    ran = subprocess.run(command, cwd=PROJECT, env=own, capture_output=True, text=True, check=False)
    if ran.returncode:
        report = f"{ran.stdout}{ran.stderr}".rpartition(_REPORT)[2]
        yield f"An import is not allowed:\n\n{report.strip()}"


def packages() -> list[str]:
    """Returns every package of this project."""
    return [KERNEL, CONTRACTS, *services(), COMMAND]


def services() -> list[str]:
    """Returns every package in functions/ but the kernel and the contracts. The journal is one, too."""
    found = sorted(path.parent.name for path in (PROJECT / "functions").glob("*/__init__.py"))
    return [name for name in found if name not in {KERNEL, CONTRACTS}]


def contracts() -> ConfigParser:
    """Returns the configuration for import-linter."""
    config = ConfigParser()
    config["importlinter"] = {"root_packages": _lines(packages()), "include_external_packages": "True"}
    config["importlinter:contract:independence"] = {
        "name": "Services do not import each other",
        "type": "independence",
        "modules": _lines(services()),
    }
    config["importlinter:contract:layers"] = {
        "name": "The kernel imports no event and no service; nothing in Lambda imports the saga command",
        "type": "layers",
        "layers": _lines([COMMAND, " | ".join(services()), CONTRACTS, KERNEL]),
    }
    config["importlinter:contract:pure"] = {
        "name": "Reactions are pure: no AWS, clock, environment or logger",
        "type": "forbidden",
        "source_modules": _lines(_pure_modules()),
        "forbidden_modules": _lines(IMPURE),
        "allow_indirect_imports": "True",
    }
    for contract in _of_the_command():
        config[f"importlinter:contract:{contract['name']}"] = contract
    return config


def _of_the_command() -> Iterator[dict[str, str]]:
    """Yields the contracts of pyproject.toml: one run of import-linter, which loads every module, is enough for all."""
    for contract in tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]:
        yield {key: _text(value) for key, value in contract.items()}


def _pure_modules() -> list[str]:
    found = (PROJECT / "functions").glob("*/*.py")
    return sorted(f"{path.parent.name}.{path.stem}" for path in found if path.stem in PURE)


def _text(value: object) -> str:
    return _lines(value) if isinstance(value, list) else str(value)


def _lines(values: list[str]) -> str:
    return "\n".join(["", *values])
