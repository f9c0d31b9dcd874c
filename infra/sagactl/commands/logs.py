"""`saga logs`: what the functions log, merged by time, as one reads it."""

import itertools
import json
from typing import Annotated

import typer
from rich.text import Text

from sagactl.commands.options import Aws, Json, Port
from sagactl.design.choreography import kind_of
from sagactl.stack.deployed import find
from sagactl.stack.logs import Line, groups_of, look_again, since_when
from sagactl.stack.story import order_id_in
from sagactl.terminal import EVENT_STYLE, out, plain

_COLOURS = ("cyan", "green", "magenta", "yellow", "blue", "bright_red", "bright_cyan")


_LEVELS = {"WARN": "yellow", "WARNING": "yellow", "ERROR": "bold red", "CRITICAL": "bold red"}  # ours, Lambda's own


_NOISE = {"timestamp", "service", "exception", "location", "logger", "requestId"}


def logs(
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on with what is logged from now on.")] = False,
    order: Annotated[str | None, typer.Option(metavar="ID", help="Only what is about this order.")] = None,
    service: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only this service, for instance payment. Can be repeated."),
    ] = None,
    minutes: Annotated[
        int | None,
        typer.Option(min=1, max=525_600, help="How far to look back. Default: 10, or since the order was opened."),
    ] = None,
    port: Port = None,
    aws: Aws = False,
    as_json: Json = False,
) -> None:
    """Print what the functions log, merged by time."""
    order_id = order_id_in(order) if order else None
    stack = find(use_aws=aws, port=port)
    groups = groups_of(stack, service or [])
    colours = dict(zip(groups, itertools.cycle(_COLOURS)))
    since = since_when(stack, order_id, minutes)
    looks = itertools.islice(look_again(stack, groups, since, order_id), None if follow else 1)
    try:
        for line in itertools.chain.from_iterable(looks):
            if as_json:
                print(json.dumps({"at": line.at, "service": line.service} | (line.content or {"message": line.text})))
            else:
                out.print(shown(line, colours[line.service]))
    except KeyboardInterrupt:
        raise typer.Exit from None


def shown(line: Line, colour: str) -> Text:
    """A line as a person reads it, without markup: it may say anything."""
    text = Text.assemble((f"{line.at[11:23]}  ", "dim"), (f"{line.service:15}  ", colour))
    if not line.content:
        return text.append(plain(line.text))
    fields = {name: plain(str(value)) for name, value in line.content.items() if name not in _NOISE}
    level, event = fields.pop("level", "INFO"), fields.pop("detailType", "")
    said = " ".join(filter(None, ["" if level == "INFO" else level, fields.pop("message", "")]))
    text.append(said, _LEVELS.get(level, "")).append(f" {event}", EVENT_STYLE[kind_of(event)] if event else "")
    order_id = fields.pop("orderId", "")
    for name, value in fields.items():
        text.append(f"  {name} ", "dim").append(value)
    text.append(f"  {order_id}", "dim")
    for trace in filter(None, [line.content.get("exception")]):
        text.append("".join(f"\n    {plain(part)}" for part in str(trace).splitlines()), "dim")
    return text
