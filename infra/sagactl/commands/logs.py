"""`saga logs`: what the functions log."""

import itertools
import json
from datetime import datetime
from typing import Annotated, Any, Literal

import typer
from rich.text import Text

from sagactl.commands.options import STACK_NAME, Aws, Json, Port, StackName, moment
from sagactl.design.choreography import kind_of
from sagactl.paths import PROJECT
from sagactl.stack import ids
from sagactl.stack.deployed_stack import find
from sagactl.stack.logs import MINUTES, Line, groups_of, look_again, since_when
from sagactl.terminal import EVENT_STYLE, out, plain

_COLOURS = ("cyan", "green", "magenta", "yellow", "blue", "bright_red", "bright_cyan")
_LEVELS = {"WARN": "yellow", "WARNING": "yellow", "ERROR": "bold red", "CRITICAL": "bold red"}  # ours, Lambda's own
_SERVICES = sorted(path.parent.name for path in (PROJECT / "functions").glob("*/app.py"))

# What Powertools, or Lambda itself, adds to every line. --json prints it, too.
_NOISE = {
    "cold_start",
    "correlation_id",
    "errorMessage",
    "errorType",
    "exception",
    "exception_name",
    "function_arn",
    "function_memory_size",
    "function_name",
    "function_request_id",
    "location",
    "logger",
    "requestId",
    "sampling_rate",
    "service",
    "stackTrace",
    "stack_trace",
    "timestamp",
    "xray_trace_id",
}

Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is logged from now on, until Ctrl-C.")]
Order = Annotated[
    str | None,
    typer.Option("--order", metavar="ORDER", help="Only lines about this order: its ID, or the start of it."),
]
Service = Annotated[
    list[str] | None,
    typer.Option(
        "--service",
        metavar="NAME",
        help=f"Only the functions of this service: {', '.join(_SERVICES)}. Can be repeated.",
        autocompletion=lambda: _SERVICES,
    ),
]
Since = Annotated[
    str | None,
    typer.Option(
        "--since",
        metavar="TIME",
        help=f"Such as 2026-01-31T12:00Z, or 2h ago. Default: {MINUTES}m, or with --order the order's first event.",
    ),
]
Minutes = Annotated[
    int | None, typer.Option("--minutes", min=1, max=525_600, hidden=True, help="What release 1.0 has for --since.")
]
Level = Annotated[
    Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"],
    typer.Option("--level", case_sensitive=False, help="Only lines of this level, or above it."),
]


def logs(
    follow: Follow = False,
    order: Order = None,
    service: Service = None,
    since: Since = None,
    minutes: Minutes = None,
    level: Level = "DEBUG",
    port: Port = None,
    aws: Aws = False,
    stack_name: StackName = STACK_NAME,
    as_json: Json = False,
) -> None:
    """Print what the functions log, merged by time.

    A line shows the event, what was decided and told for it, and the order's ID.
    What Lambda itself says of an invocation has the event, too. All other fields
    are in --json.
    """
    if minutes and since is None:
        since = f"{minutes}m"
    stack = find(use_aws=aws, port=port, stack_name=stack_name)
    order_id = ids.order_id_of(stack, order) if order else None
    groups = groups_of(stack, service or [])
    colours = dict(zip(groups, itertools.cycle(_COLOURS)))
    start = datetime.fromisoformat(moment(since, "--since")) if since else since_when(stack, order_id)
    looks = look_again(stack, groups, start, order_id)
    if not follow:
        looks = itertools.islice(looks, 1)
    try:
        for line in filter(lambda line: line.is_at_least(level), itertools.chain.from_iterable(looks)):
            if as_json:
                print(json.dumps(fields(line)))
            else:
                out.print(shown(line, colours[line.service]))
    except KeyboardInterrupt:
        raise typer.Exit from None


def fields(line: Line) -> dict[str, Any]:
    return {"at": line.at, "service": line.service} | (line.content or {"message": line.text})


def shown(line: Line, colour: str) -> Text:
    """A line as a person reads it, without markup: it may contain anything."""
    text = Text.assemble((f"{line.at[11:23]}  ", "dim"), (f"{line.service:15}  ", colour))
    if not line.content:
        return text.append(plain(line.text))
    left = {name: plain(str(value)) for name, value in line.content.items() if name not in _NOISE}
    level = left.pop("level", "INFO")
    if level != "INFO":
        text.append(f"{level} ", _LEVELS.get(level, ""))
    text.append(left.pop("message", _raised(line)), _LEVELS.get(level, ""))
    event = left.pop("detailType", "")
    if event:
        text.append(f" {event}", EVENT_STYLE[kind_of(event)])
    order_id = left.pop("orderId", "")
    for name, value in left.items():
        text.append(f"  {name} ", "dim").append(value)
    text.append(f"  {order_id}", "dim")
    for part in _traceback(line).splitlines():
        text.append(f"\n    {plain(part)}", "dim")
    return text


def _raised(line: Line) -> str:
    """What Lambda itself logs of an exception that a function raised."""
    return plain(f"{line.content.get('errorType')}: {line.content.get('errorMessage')}")


def _traceback(line: Line) -> str:
    """Powertools logs it as one text, Lambda as a list."""
    frames = line.content.get("stackTrace", "")
    if isinstance(frames, list):
        return "".join(map(str, frames))
    return str(line.content.get("exception", frames))
