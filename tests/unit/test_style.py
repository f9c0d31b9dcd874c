"""One thought a line: what no linter checks of the code that people read to learn from."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from sagactl.paths import PROJECT

FUNCTION_LINES_MAX = 40
SOURCES = [path for folder in ("functions", "infra") for path in sorted((PROJECT / folder).rglob("*.py"))]

type Finding = tuple[int, str]  # line, what is wrong


def findings(tree: ast.AST) -> Iterator[Finding]:
    for parent in ast.walk(tree):
        yield from too_long(parent)
        yield from several_assignments(parent)
        yield from unused_expression(parent)
        yield from nested_loops(parent)
        for child in ast.iter_child_nodes(parent):
            yield from hidden_condition(parent, child)


def too_long(node: ast.AST) -> Iterator[Finding]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        lines = (node.end_lineno or 0) - node.lineno + 1
        if lines > FUNCTION_LINES_MAX:
            yield node.lineno, f"{node.name} has {lines} lines, over {FUNCTION_LINES_MAX}"


def several_assignments(node: ast.AST) -> Iterator[Finding]:
    match node:
        case ast.Assign(targets=[ast.Tuple()], value=ast.Tuple()):
            yield node.lineno, "assigns several things in one line"


def unused_expression(node: ast.AST) -> Iterator[Finding]:
    """An expression as a statement calls something, waits, or is a docstring."""
    if isinstance(node, ast.Expr):
        used = isinstance(node.value, ast.Call | ast.Await | ast.Yield | ast.YieldFrom)
        is_text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str | type(...))
        if not (used or is_text):
            yield node.lineno, "uses an expression as a statement"


def nested_loops(node: ast.AST) -> Iterator[Finding]:
    if isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) and len(node.generators) > 1:
        yield node.lineno, "loops twice in one comprehension"


def hidden_condition(parent: ast.AST, child: ast.AST) -> Iterator[Finding]:
    """A conditional expression is all of what is assigned, returned or yielded."""
    if isinstance(child, ast.IfExp) and not isinstance(parent, ast.Assign | ast.AnnAssign | ast.Return | ast.Yield):
        yield child.lineno, "hides a condition inside another expression"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_one_thought_a_line(path: Path) -> None:
    found = [f"{path.relative_to(PROJECT)}:{line}: {what}" for line, what in findings(ast.parse(path.read_text()))]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "code",
    [
        "def long():\n" + "    pass\n" * FUNCTION_LINES_MAX,
        "a, b = 1, 2",
        "a or b()",
        "(first(), second())",
        "[c for a in b for c in a]",
        "print(1 if a else 2)",
        "x = {'a': 1 if b else 2}",
        "x = 1 if a else 2 if b else 3",
    ],
)
def test_what_is_hard_to_read_is_found(code: str) -> None:
    assert list(findings(ast.parse(code)))
