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
from sagactl.stack.aws import STACK_NAME
from sagactl.stack.deployed import Stack

PERIOD_SECONDS = 1.0


_GROUPS = f"/aws/lambda/{STACK_NAME}-"


_LATE = timedelta(seconds=15)  # a line may be there to read only so long after it was written


class Line(NamedTuple):
    """What a function logged; `content` is empty where that is not JSON."""

    at: str
    service: str
    text: str
    content: dict[str, Any]


def look_again(stack: Stack, groups: list[str], since: datetime, order_id: str | None) -> Iterator[list[Line]]:
    """What was logged since then, in the order of its time; and again and again what was not seen before."""
    seen: set[str] = set()
    while True:
        started = datetime.now(UTC)
        found = _look(stack, groups, since, order_id)
        yield [line for event_id, line in found if event_id not in seen]
        seen, since = {event_id for event_id, _ in found}, max(since, started - _LATE)
        time.sleep(PERIOD_SECONDS)


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


def groups_of(stack: Stack, wanted: list[str]) -> list[str]:
    """The functions that log; order stands for order-http and order-watchdog, too."""
    pages = stack.client("logs").get_paginator("describe_log_groups").paginate(logGroupNamePrefix=_GROUPS)
    names = [group["logGroupName"].removeprefix(_GROUPS) for page in pages for group in page["logGroups"]]
    found = [name for name in names if not wanted or any(name == one or name.startswith(f"{one}-") for one in wanted)]
    unknown = [one for one in wanted if not any(name == one or name.startswith(f"{one}-") for name in names)]
    if unknown or not found:
        raise SagaError(f"Nothing logs as {', '.join(unknown) or STACK_NAME}", f"Choose from {', '.join(names)}")
    return found


def since_when(stack: Stack, order_id: str | None, minutes: int | None) -> datetime:
    if order_id and minutes is None and (told := journal.timeline(stack, order_id)):
        return datetime.fromisoformat(told[0].told_at) - timedelta(minutes=1)
    return datetime.now(UTC) - timedelta(minutes=minutes or 10)
