"""Limits on length, so that the code stays readable in one sitting."""

import ast
import inspect
from pathlib import Path

import pytest
from deployment import PROJECT

from saga.events import EVENTS

SOURCES = [path for folder in ("functions", "infra") for path in sorted((PROJECT / folder).rglob("*.py"))]


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


@pytest.mark.parametrize(
    "path", sorted((PROJECT / "functions").glob("*/reactions.py")), ids=lambda path: path.parent.name
)
def test_reactions_are_at_most_80_lines(path: Path) -> None:
    assert len(lines(path)) <= 80


def test_the_kernel_is_at_most_400_lines() -> None:
    """The events apart, of which there may be more."""
    kernel = (PROJECT / "functions/saga").glob("*.py")
    events = "\n".join(map(inspect.getsource, EVENTS.values())).splitlines()
    assert sum(bool(line.strip()) for path in kernel for line in lines(path)) - sum(map(bool, events)) <= 400


def test_the_page_is_less_than_1200_lines() -> None:
    page = [path for path in (PROJECT / "infra/sagactl/watch").rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert sum(bool(line.strip()) for path in page for line in lines(path)) < 1200


def test_a_function_is_at_most_40_lines() -> None:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or 0) - node.lineno + 1
                assert length <= 40, f"{path}: {node.name}"
