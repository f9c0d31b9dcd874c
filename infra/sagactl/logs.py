"""`saga logs`: what the functions log, merged by time, as one reads it."""

import itertools
import json
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, NamedTuple

import typer
from rich.text import Text

from saga.events import Timestamp
from sagactl import journal
from sagactl.aws import STACK_NAME
from sagactl.choreography import kind_of
from sagactl.errors import SagaError
from sagactl.options import Aws, Json, Port
from sagactl.stack import Stack, find
from sagactl.terminal import EVENT_STYLE, out, plain
from sagactl.trace import order_id_in

PERIOD_SECONDS = 1.0
_GROUPS = f"/aws/lambda/{STACK_NAME}-"
_LATE = timedelta(seconds=15)  # a line may be there to read only so long after it was written
_COLOURS = ("cyan", "green", "magenta", "yellow", "blue", "bright_red", "bright_cyan")
_LEVELS = {"WARN": "yellow", "WARNING": "yellow", "ERROR": "bold red", "CRITICAL": "bold red"}  # ours, Lambda's own
_NOISE = {"timestamp", "service", "exception", "location", "logger", "requestId"}


class Line(NamedTuple):
    """What a function logged; `content` is empty where that is not JSON."""

    at: str
    service: str
    text: str
    content: dict[str, Any]


def add_to(app: typer.Typer) -> None:
    """Adds this module's command."""
    app.command()(logs)


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
    groups = _groups(stack, service or [])
    colours = dict(zip(groups, itertools.cycle(_COLOURS)))
    since = _since(stack, order_id, minutes)
    looks = itertools.islice(look_again(stack, groups, since, order_id), None if follow else 1)
    try:
        for line in itertools.chain.from_iterable(looks):
            if as_json:
                print(json.dumps({"at": line.at, "service": line.service} | (line.content or {"message": line.text})))
            else:
                out.print(shown(line, colours[line.service]))
    except KeyboardInterrupt:
        raise typer.Exit from None


def look_again(stack: Stack, groups: list[str], since: datetime, order_id: str | None) -> Iterator[list[Line]]:
    """What was logged since then, in the order of its time; and again and again what was not seen before."""
    seen: set[str] = set()
    while True:
        started = datetime.now(UTC)
        found = _look(stack, groups, since, order_id)
        yield [line for event_id, line in found if event_id not in seen]
        seen, since = {event_id for event_id, _ in found}, max(since, started - _LATE)
        time.sleep(PERIOD_SECONDS)


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


def _look(stack: Stack, groups: Iterable[str], since: datetime, order_id: str | None) -> list[tuple[str, Line]]:
    with ThreadPoolExecutor() as pool:
        found = pool.map(lambda group: list(_read(stack, group, since, order_id)), groups)
        return sorted(itertools.chain.from_iterable(found), key=lambda one: one[1].at)


def _read(stack: Stack, group: str, since: datetime, order_id: str | None) -> Iterator[tuple[str, Line]]:
    """LocalStack knows no filter, so that what it gives is looked at here, too."""
    pattern = {"filterPattern": f'"{order_id}"'} if order_id else {}
    pages = stack.client("logs").get_paginator("filter_log_events")
    start = int(since.timestamp() * 1000)
    for page in pages.paginate(logGroupName=f"{_GROUPS}{group}", startTime=start, **pattern):
        for event in page["events"]:
            line = _line(group, event)
            if line and (order_id is None or order_id in line.text):
                yield event["eventId"], line


def _line(group: str, event: dict[str, Any]) -> Line | None:
    """None for what the platform says of each invocation, and for metrics."""
    text = event["message"].rstrip()
    at = Timestamp.of(datetime.fromtimestamp(event["timestamp"] / 1000, UTC))
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        return None if text.startswith(("START ", "END ", "REPORT ", "INIT_START ")) else Line(at, group, text, {})
    if "_aws" in content or str(content.get("type", "")).startswith("platform."):
        return None
    with suppress(ValueError):
        at = Timestamp.parse(content.get("timestamp"))  # CloudWatch's may be that of the invocation's end
    return Line(at, group, text, content)


def _groups(stack: Stack, wanted: list[str]) -> list[str]:
    """The functions that log; order stands for order-http and order-watchdog, too."""
    pages = stack.client("logs").get_paginator("describe_log_groups").paginate(logGroupNamePrefix=_GROUPS)
    names = [group["logGroupName"].removeprefix(_GROUPS) for page in pages for group in page["logGroups"]]
    found = [name for name in names if not wanted or any(name == one or name.startswith(f"{one}-") for one in wanted)]
    unknown = [one for one in wanted if not any(name == one or name.startswith(f"{one}-") for name in names)]
    if unknown or not found:
        raise SagaError(f"Nothing logs as {', '.join(unknown) or STACK_NAME}", f"Choose from {', '.join(names)}")
    return found


def _since(stack: Stack, order_id: str | None, minutes: int | None) -> datetime:
    if order_id and minutes is None and (told := journal.timeline(stack, order_id)):
        return datetime.fromisoformat(told[0].told_at) - timedelta(minutes=1)
    return datetime.now(UTC) - timedelta(minutes=minutes or 10)
