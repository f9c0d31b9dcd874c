"""What the functions log, merged by time."""

import itertools
import json
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
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


class Line(NamedTuple):
    """A line that a function logged. `content` has its fields, and is empty if the line is not JSON."""

    at: str
    service: str
    text: str
    content: dict[str, Any]


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


def _look(stack: Stack, groups: Iterable[str], since: datetime, order_id: str | None) -> list[tuple[str, Line]]:
    with ThreadPoolExecutor() as pool:
        found = pool.map(lambda group: list(_read(stack, group, since, order_id)), groups)
        return sorted(itertools.chain.from_iterable(found), key=lambda one: one[1].at)


def _read(stack: Stack, group: str, since: datetime, order_id: str | None) -> Iterator[tuple[str, Line]]:
    """LocalStack ignores the filter, so the lines are filtered here, too."""
    pattern = {"filterPattern": f'"{order_id}"'} if order_id else {}
    pages = stack.client("logs").get_paginator("filter_log_events")
    start = int(since.timestamp() * 1000)
    for page in pages.paginate(logGroupName=f"{_prefix(stack)}{group}", startTime=start, **pattern):
        for event in page["events"]:
            line = _line(group, event)
            if line and (order_id is None or order_id in line.text):
                yield event["eventId"], line


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


def since_when(stack: Stack, order_id: str | None, minutes: int | None) -> datetime:
    """Returns from when to read: so many minutes ago, or else from the order's first event, or 10 minutes ago."""
    if order_id and minutes is None:
        timeline = journal.timeline(stack, order_id)
        if timeline:
            return datetime.fromisoformat(timeline[0].told_at) - timedelta(minutes=1)
    return datetime.now(UTC) - timedelta(minutes=minutes or MINUTES)


def _names(stack: Stack) -> Iterator[str]:
    """Yields what logs, by the stack's own resources: another stack's name may begin with the name of this one."""
    for _, group in sorted(stack.resources(_GROUP)):
        if group.startswith(_prefix(stack)):
            yield group.removeprefix(_prefix(stack))


def _prefix(stack: Stack) -> str:
    return f"/aws/lambda/{stack.where.stack_name}-"


def _belongs(function: str, service: str) -> bool:
    return function == service or function.startswith(f"{service}-")
