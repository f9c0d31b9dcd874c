"""`pip install` brings all that the `saga` command imports, which `make setup` would not show: it installs more."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions

from sagactl.checks import imports
from sagactl.design import template
from sagactl.paths import PROJECT

PROJECT_FILE = tomllib.loads((PROJECT / "pyproject.toml").read_text())
PACKAGES = imports.packages()


def imported(tree: ast.AST) -> Iterator[str]:
    """Names the top-level packages that are imported when the code runs."""
    for node in ast.iter_child_nodes(tree):
        match node:
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                continue
            case ast.Import(names=names):
                yield from (alias.name.partition(".")[0] for alias in names)
            case ast.ImportFrom(module=str(module)):
                yield module.partition(".")[0]
            case _:
                yield from imported(node)


def declared() -> set[str]:
    dependencies = PROJECT_FILE["project"]["dependencies"]
    return {normalised(re.split(r"[<>=~!\[ ;]", dependency)[0]) for dependency in dependencies}


def normalised(distribution: str) -> str:
    return distribution.lower().replace("_", "-")


def test_every_import_is_a_declared_dependency() -> None:
    found = set[str]()
    for package in PACKAGES:
        folder = "infra" if package == "sagactl" else "functions"
        for path in (PROJECT / folder / package).rglob("*.py"):
            found.update(imported(ast.parse(path.read_text())))
    distributions = packages_distributions()
    needed = {normalised(distributions[name][0]) for name in found - set(PACKAGES) - sys.stdlib_module_names}
    assert needed - declared() <= {"botocore"}  # boto3 brings it


def test_every_handler_is_in_the_folder_that_is_deployed() -> None:
    folder = PROJECT / template.TEMPLATE["Globals"]["Function"]["CodeUri"]
    for function in template.functions():
        assert (folder / f"{function.module.replace('.', '/')}.py").exists()
