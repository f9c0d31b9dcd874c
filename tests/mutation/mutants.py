"""Prints every mutant of some files of functions/ as a line of JSON. Mutmut makes them, in an environment of its own.

Its own runner leaves out every function with a decorator, and all that stands outside of functions: the HTTP handlers,
the properties, the attempts and time-outs. Here nothing is left out, and four kinds of change are added.
"""

import ast
import itertools
import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import libcst as cst  # pyright: ignore[reportMissingImports]  # in an environment of its own
from libcst.metadata import MetadataWrapper  # pyright: ignore[reportMissingImports]
from mutmut.mutation.file_mutation import MutationVisitor  # pyright: ignore[reportMissingImports]
from mutmut.mutation.mutators import mutation_operators, operator_assignment, operator_string  # pyright: ignore[reportMissingImports]
from mutmut.mutation.pragma_handling import IgnoredCode  # pyright: ignore[reportMissingImports]


class Mutant(NamedTuple):
    """`where` is the function or class that is changed, and `change` the lines before and after."""

    file: str
    where: str
    change: str
    code: str


class EveryNode(MutationVisitor):  # type: ignore[misc]  # it has no types here
    """Visits decorated functions, too. What mypy refuses is left out: a class that is not frozen, None for a number."""

    def __init__(self) -> None:
        super().__init__(OPERATORS, IgnoredCode(set(), set(), set()))
        self._refused: set[int] = set()

    def _skip_node_and_children(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.ClassDef):
            self._refused.update(id(keyword) for keyword in node.keywords)
        if isinstance(node, cst.FunctionDef):
            return False
        return id(node) in self._refused or super()._skip_node_and_children(node)


def one_string(node: cst.BaseString) -> Iterator[cst.CSTNode]:
    """Changes a string once: mutmut's changes of its letters' case are found by the same tests."""
    yield from itertools.islice(operator_string(node), 1)


def none_instead(node: cst.AnnAssign) -> Iterator[cst.CSTNode]:
    if re.search(r"None|Any", cst.Module([]).code_for_node(node.annotation.annotation)):
        yield from operator_assignment(node)


def no_call(node: cst.Expr) -> Iterator[cst.CSTNode]:
    if isinstance(node.value, cst.Call):
        yield cst.Pass()


def no_raise(_node: cst.Raise) -> Iterator[cst.CSTNode]:
    yield cst.Pass()


def no_result(node: cst.Return) -> Iterator[cst.CSTNode]:
    if node.value is not None and not node.value.deep_equals(cst.Name("None")):
        yield node.with_changes(value=cst.Name("None"))


def opposite(node: cst.If | cst.While | cst.CompIf) -> Iterator[cst.CSTNode]:
    if isinstance(node.test, cst.Name) and node.test.value == "TYPE_CHECKING":
        return
    test = node.test.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    yield node.with_changes(test=cst.UnaryOperation(cst.Not(), test))


OPERATORS: list[tuple[type, Any]] = [
    *(each for each in mutation_operators if each[1] is not operator_string and each[0] is not cst.AnnAssign),
    (cst.AnnAssign, none_instead),
    (cst.BaseString, one_string),
    (cst.Expr, no_call),
    (cst.Raise, no_raise),
    (cst.Return, no_result),
    *((kind, opposite) for kind in (cst.If, cst.While, cst.CompIf)),
]


def mutants(folder: Path, named: tuple[str, ...]) -> Iterator[Mutant]:
    for path in sorted(folder.rglob("*.py")):
        file = str(path.relative_to(folder))
        if file.startswith(named):
            yield from mutants_of(path.read_text(), file)


def mutants_of(code: str, file: str) -> Iterator[Mutant]:
    wrapper = MetadataWrapper(cst.parse_module(code))
    visitor = EveryNode()
    module = wrapper.visit(visitor)
    places = list(_places(ast.parse(code)))
    seen = set()
    for statement, mutated in _mutated(module, visitor.mutations):
        text = code.replace(statement, mutated, 1)
        if text not in seen:
            seen.add(text)
            line, change = _change(code, text)
            yield Mutant(file, _where(places, line), change, text)


def _mutated(module: cst.Module, mutations: Iterable[Any]) -> Iterator[tuple[str, str]]:
    """Yields the code of the outermost statement that is changed, before and after: a whole file takes long."""
    outermost: dict[int, Any] = {}
    for statement in module.body:
        outermost |= dict.fromkeys(map(id, _all_in(statement)), statement)
    for mutation in mutations:
        statement = outermost[id(mutation.original_node)]
        mutated = statement.deep_replace(mutation.original_node, mutation.mutated_node)
        yield module.code_for_node(statement), module.code_for_node(mutated)


def _all_in(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    yield node
    for child in node.children:
        yield from _all_in(child)


def _change(before: str, after: str) -> tuple[int, str]:
    """Returns the number of the first line that differs, and the lines that differ."""
    old = before.splitlines()
    new = after.splitlines()
    same_before = _same(zip(old, new, strict=False))
    same_after = _same(zip(reversed(old[same_before:]), reversed(new[same_before:]), strict=False))
    removed = _in_a_line(old[same_before : len(old) - same_after])
    added = _in_a_line(new[same_before : len(new) - same_after])
    return same_before + 1, f"{removed} -> {added}"


def _same(pairs: Iterable[tuple[str, str]]) -> int:
    """Returns how many pairs in a row are of equals."""
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))


def _in_a_line(lines: Iterable[str]) -> str:
    return " ".join(line.strip() for line in lines)


def _places(tree: ast.AST, prefix: str = "") -> Iterator[tuple[int, int, str]]:
    """Yields the first and the last line of each class and each outermost function, the inner ones last."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            name = f"{prefix}{node.name}"
            first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            yield first, node.end_lineno or 0, name
            if isinstance(node, ast.ClassDef):
                yield from _places(node, f"{name}.")


def _where(places: Iterable[tuple[int, int, str]], line: int) -> str:
    found = [name for first, last, name in places if first <= line <= last]
    return found[-1] if found else "<module>"


if __name__ == "__main__":
    for mutant in mutants(Path(sys.argv[1]), tuple(sys.argv[2:])):
        print(json.dumps(mutant._asdict()))
