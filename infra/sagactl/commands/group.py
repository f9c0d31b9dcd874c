"""A group of commands that imports a command's module only when that command is called, so that help is quick."""

import importlib
from typing import Any, ClassVar, NamedTuple, NoReturn

import typer
from rich.markup import escape
from typer.core import TyperCommand, TyperGroup

from sagactl import room
from sagactl.errors import SagaError
from sagactl.stack.refusals import aws_refusal, sdk_errors
from sagactl.terminal import err, plain

_INTERRUPTED = 130  # as shells say it


class Listed(NamedTuple):
    """What help says about a command: the first line of its docstring, and the panel that lists it."""

    summary: str
    panel: str | None = None


class LazyGroup(TyperGroup):
    """Lists its commands without importing them. A SagaError of any command becomes one line and exit code 1.

    So does an interrupt, and whatever AWS refuses.
    """

    package: ClassVar[str]  # has a module for each command
    listed: ClassVar[dict[str, Listed]]

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        for name, (summary, panel) in self.listed.items():
            self.add_command(TyperCommand(name, short_help=summary, rich_help_panel=panel))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, listed, rest = super().resolve_command(ctx, args)
        if listed is None:
            return name, listed, rest
        return name, command_in(self.package, str(name)), rest

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except SagaError as error:
            _fail(str(error))
        except KeyboardInterrupt:
            err.print("Interrupted.")
            raise typer.Exit(_INTERRUPTED) from None
        except sdk_errors() as error:
            _fail(str(aws_refusal(error)))


def _fail(message: str) -> NoReturn:
    room.remove_what_may_be_cut_off()
    lines = map(plain, message.split("\n"))  # what a tool has said may be several
    err.print("[red]error:[/]", escape("\n".join(lines)))
    raise typer.Exit(1) from None


def command_in(package: str, name: str) -> Any:
    """Imports a command: the group `app` of the module of that name, or else the function of that name."""
    identifier = name.replace("-", "_")
    module = importlib.import_module(f"{package}.{identifier}")
    app = getattr(module, "app", None)
    if app is None:
        app = typer.Typer(add_completion=False)
        app.command(name)(getattr(module, identifier))
    command = typer.main.get_command(app)
    _refuse_empty_values(command)
    return command


def _refuse_empty_values(command: Any) -> None:
    """An empty value is mostly that of a variable which is not set. Nothing is to be done as if it were not given."""
    for parameter in command.params:
        parameter.callback = parameter.callback or _not_empty
    for subcommand in getattr(command, "commands", {}).values():
        _refuse_empty_values(subcommand)


def _not_empty(ctx: Any, parameter: Any, value: Any) -> Any:
    values = value if isinstance(value, list | tuple) else [value]
    if "" in values and ctx.get_parameter_source(parameter.name).name == "COMMANDLINE":
        raise typer.BadParameter("it is empty", ctx=ctx, param=parameter)
    return value
