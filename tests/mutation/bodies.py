"""Exchanges the code of a function, wherever it is referred to from, without importing anything again."""

import gc
import sys
from collections.abc import Iterator
from inspect import CO_NEWLOCALS
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

type Bodies = dict[tuple[str, str, int], list[FunctionType]]


def compiled(text: str, path: Path) -> CodeType:
    return compile(text, path, "exec", dont_inherit=True)


def bodies() -> Bodies:
    """Returns all functions that there are in this process, by where their code comes from."""
    found: Bodies = {}
    for one in gc.get_objects():
        if isinstance(one, FunctionType):
            found.setdefault(_place(one.__code__), []).append(one)
    return found


def exchange(found: Bodies, before: CodeType, after: CodeType) -> bool:
    """Returns False if more is changed than what stands in one function: a default, a decorator, a class.

    Nothing has to be exchanged of a file that nobody has imported yet.
    """
    if not _is_imported(before.co_filename, found):
        return True
    pair = _changed(before, after)
    if pair is None:
        return False
    functions = found.get(_place(pair[0]), [])
    if not functions or any(len(function.__code__.co_freevars) != len(pair[1].co_freevars) for function in functions):
        return False
    for function in functions:
        function.__code__ = pair[1]
    return True


def _is_imported(file: str, found: Bodies) -> bool:
    """A module that tests load anew each time may have been forgotten."""
    imported = {getattr(module, "__file__", None) for module in sys.modules.values()}
    return file in imported or any(place[0] == file for place in found)


def _place(code: CodeType) -> tuple[str, str, int]:
    return code.co_filename, code.co_qualname, code.co_firstlineno


def _changed(before: CodeType, after: CodeType) -> tuple[CodeType, CodeType] | None:
    """Returns the outermost function that is changed, before and after, if nothing around it is."""
    if _own(before) != _own(after):
        return None
    for inner in zip(_inner(before), _inner(after), strict=True):
        if _content(inner[0]) != _content(inner[1]):
            return inner if _is_function(inner[0]) else _changed(*inner)
    return None


def _is_function(code: CodeType) -> bool:
    """Returns False for a class, and for what Python wraps around a class or a function with type parameters."""
    return bool(code.co_flags & CO_NEWLOCALS) and not code.co_name.startswith("<generic parameters")


def _inner(code: CodeType) -> Iterator[CodeType]:
    return (constant for constant in code.co_consts if isinstance(constant, CodeType))


def _own(code: CodeType) -> list[Any]:
    """Returns what a code does, apart from what stands in the functions in it, and in which lines."""
    constants = [CodeType if isinstance(constant, CodeType) else repr(constant) for constant in code.co_consts]
    names = [code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars]
    return [code.co_code, code.co_exceptiontable, code.co_flags, constants, names]


def _content(code: CodeType) -> list[Any]:
    return [*_own(code), *map(_content, _inner(code))]
