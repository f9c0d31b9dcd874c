"""Every command of `saga`, with the words that call it."""

from collections.abc import Iterator
from typing import Any

import typer.main
from typer.core import TyperGroup

from sagactl.cli import app


def _commands(group: Any, *path: str) -> Iterator[tuple[str, Any]]:
    for name in group.commands:
        _, command, _ = group.resolve_command(typer.Context(group), [name])
        yield " ".join((*path, name)), command
        if isinstance(command, TyperGroup):
            yield from _commands(command, *path, name)


COMMANDS_AND_GROUPS: dict[str, Any] = dict(_commands(typer.main.get_command(app)))
COMMANDS = {name: command for name, command in COMMANDS_AND_GROUPS.items() if not isinstance(command, TyperGroup)}
