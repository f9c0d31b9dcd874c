"""What the functions log, merged by time."""

import json
import re
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import batched, chain
from typing import Any, NamedTuple

from saga.event import Timestamp
from sagactl.errors import SagaError
from sagactl.stack import journal
from sagactl.stack.deployed_stack import Stack

PERIOD_SECONDS = 1.0
MINUTES = 10  # to look back
_GROUP = "AWS::Logs::LogGroup"
_LAMBDAS_OWN = ("START ", "END ", "REPORT ", "INIT_START ")
_LATE = timedelta(seconds=15)  # how long after it was written a line may be first found
_REQUESTS_AT_ONCE = 20  # a filter has 1,024 characters
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_LAMBDAS_LEVELS = {"WARN": "WARNING", "FATAL": "CRITICAL", "TRACE": "DEBUG"}
_REQUEST = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ABOUT = ("orderId", "detailType")


class Line(NamedTuple):
    """A line that a function logged. `content` has its fields, and is empty if the line is not JSON."""

    at: str
    service: str
    text: str
    content: dict[str, Any]

    @property
    def level(self) -> str:
        """What is no JSON, such as a time-out, Lambda says of an invocation that failed."""
        level = str(self.content.get("level", "INFO")) if self.content else "ERROR"
        return _LAMBDAS_LEVELS.get(level, level)

    @property
    def request_id(self) -> str | None:
        """The invocation's, as Powertools and as Lambda itself write it down."""
        for name in ("function_request_id", "requestId"):
            if name in self.content:
                return str(self.content[name])
        match = _REQUEST.search(self.text)
        return match[0] if match and not self.content else None

    def is_at_least(self, level: str) -> bool:
        known = self.level if self.level in _LEVELS else "INFO"
        return _LEVELS.index(known) >= _LEVELS.index(level)


def look_again(stack: Stack, groups: list[str], since: datetime, order_id: str | None) -> Iterator[list[Line]]:
    """Yields the lines logged since then, by time; then every second those that are new."""
    seen: set[str] = set()
    while True:
        started = datetime.now(UTC)
        found = _look(stack, groups, since, order_id)
        yield [line for event_id, line in found if event_id not in seen]
        seen = {event_id for event_id, _ in found}
        since = max(since, started - _LATE)
        time.sleep(PERIOD_SECONDS)


def _look(stack: Stack, groups: Sequence[str], since: datetime, order_id: str | None) -> list[tuple[str, Line]]:
    """Returns the lines by time, each after its id. What Lambda says of an order's invocations does not name it."""
    words = [order_id] if order_id else []
    lines = _read_all(stack, groups, since, words)
    if order_id:
        requests = {line.request_id for line in lines.values() if line.request_id}
        for some in batched(sorted(requests), _REQUESTS_AT_ONCE, strict=False):
            lines |= _read_all(stack, groups, since, some)
    return sorted(_joined(lines).items(), key=lambda one: one[1].at)


def _read_all(stack: Stack, groups: Sequence[str], since: datetime, words: Sequence[str]) -> dict[str, Line]:
    with ThreadPoolExecutor() as pool:
        found = pool.map(lambda group: list(_read(stack, group, since, words)), groups)
        return dict(chain.from_iterable(found))


def _joined(lines: dict[str, Line]) -> dict[str, Line]:
    """Adds which event it was about to what Lambda itself says of an invocation, such as why it failed."""
    about = {line.request_id: _about(line) for line in lines.values() if _about(line)}
    joined = dict(lines)
    for event_id, line in lines.items():
        if line.request_id in about and not _about(line):
            content = line.content or {"level": line.level, "message": line.text}
            joined[event_id] = line._replace(content=content | about[line.request_id])
    return joined


def _about(line: Line) -> dict[str, Any]:
    return {name: line.content[name] for name in _ABOUT if name in line.content}


def _read(stack: Stack, group: str, since: datetime, words: Sequence[str]) -> Iterator[tuple[str, Line]]:
    """Yields lines that have one of the words, or all lines if there are none to have.

    LocalStack ignores the filter, so the lines are filtered here, too.
    """
    pattern = {"filterPattern": _any_of(words)} if words else {}
    pages = stack.client("logs").get_paginator("filter_log_events")
    start = int(since.timestamp() * 1000)
    for page in pages.paginate(logGroupName=f"{_prefix(stack)}{group}", startTime=start, **pattern):
        for event in page["events"]:
            line = _line(group, event)
            if line and (not words or any(word in line.text for word in words)):
                yield event["eventId"], line


def _any_of(words: Sequence[str]) -> str:
    """Returns a filter pattern of CloudWatch Logs."""
    if len(words) == 1:
        return f'"{words[0]}"'
    return " ".join(f'?"{word}"' for word in words)


def _line(group: str, event: dict[str, Any]) -> Line | None:
    """Returns None for a metric, and for what Lambda itself logs about each invocation."""
    text = event["message"].rstrip()
    at = Timestamp.of(datetime.fromtimestamp(event["timestamp"] / 1000, UTC))
    content = _content(text)
    if text.startswith(_LAMBDAS_OWN) or "_aws" in content or str(content.get("type")).startswith("platform."):
        return None
    with suppress(ValueError):
        at = Timestamp.parse(content.get("timestamp"))  # CloudWatch's may be the end of the invocation
    return Line(at, group, text, content)


def _content(text: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def groups_of(stack: Stack, wanted: list[str]) -> list[str]:
    """Returns the functions that log, or those of the services wanted: order has order-http and order-watchdog, too."""
    names = list(_names(stack))
    if not names:
        raise SagaError(f"No function of {stack.where.stack_name} has a log", "Is it deployed? Deploy it: saga deploy")
    unknown = [service for service in wanted if not any(_belongs(name, service) for name in names)]
    if unknown:
        raise SagaError(f"Nothing logs as {', '.join(unknown)}", f"Choose from {', '.join(names)}")
    return [name for name in names if not wanted or any(_belongs(name, service) for service in wanted)]


def since_when(stack: Stack, order_id: str | None) -> datetime:
    """Returns from when to read: from the order's first event, or else from 10 minutes ago."""
    timeline = journal.timeline(stack, order_id) if order_id else []
    if timeline:
        return datetime.fromisoformat(timeline[0].told_at) - timedelta(minutes=1)
    return datetime.now(UTC) - timedelta(minutes=MINUTES)


def _names(stack: Stack) -> Iterator[str]:
    """Yields what logs, by the stack's own resources: another stack's name may begin with the name of this one."""
    for _, group in sorted(stack.resources(_GROUP)):
        if group.startswith(_prefix(stack)):
            yield group.removeprefix(_prefix(stack))


def _prefix(stack: Stack) -> str:
    return f"/aws/lambda/{stack.where.stack_name}-"


def _belongs(function: str, service: str) -> bool:
    return function == service or function.startswith(f"{service}-")
