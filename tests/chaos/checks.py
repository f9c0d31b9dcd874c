"""What must hold after the storm, read in tables, journal and logs: nothing is lost, and nothing done twice."""

import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from chaos.clients import Placed
from chaos.faulty_bus import Facts, FaultyBus
from support.driver import Saga

from contracts.values import CANCELLED
from order.reactions import Order
from sagactl.stack import audit, aws, dead_letters, entries
from sagactl.stack.deployed_stack import Stack

_JOURNAL_TIMEOUT_SECONDS = 600
IN_TIME = "cancelled in time"
TOO_LATE = "shipped before"
FAILED = "failed for another reason"
_EITHER = (("PaymentOK", "PaymentFail"), ("StockReserved", "StockFailed"), ("ShipmentOK", "ShipmentFail"))
_LOGGED = {
    "killed": "signal: killed",
    "timed out": "Task timed out",
    "given up": "ReadTimeoutError: ",
    "heard again": '"heard again"',
    "contradicted": "with other fields: the first ones count",
}


@dataclass(frozen=True)
class Findings:
    """`problems` has a line for each thing that is wrong; `logged` counts lines of the functions' logs.

    `cancelled` counts the orders that their customers wanted back, by what became of them.
    """

    problems: list[str]
    statuses: Counter[str]
    cancelled: Counter[str]
    logged: Counter[str]


def check(stack: Stack, bus: FaultyBus, placed: list[Placed], stocked: dict[str, int], since_ms: int) -> Findings:
    problems = audit.audit(stack, [each.order_id for each in placed], stocked)
    statuses = Counter[str]()
    cancelled = Counter[str]()
    for each in placed:
        order = entries.state_of(stack, "order", each.order_id)
        status = order.status if order else "unknown"
        statuses[status] += 1
        if each.wanted.cancelled_after_seconds is not None:
            cancelled[_became(order)] += 1
        elif _became(order) == IN_TIME:
            problems.append(f"{each.order_id}: cancelled, and not by its customer")
        for problem in problems_of_order(bus.facts[each.order_id], status, each.wanted.expected):
            problems.append(f"{each.order_id}: {problem}")
    with dead_letters.held(stack) as found:
        left = [letter for letter in found.letters if letter.order_id in {*bus.facts, None}]
    for letter in left:
        problems.append(f"{letter.order_id}: {letter.name} is still a dead letter: {letter.failure}")
    logged = log_lines(stack, since_ms)
    if logged["contradicted"]:
        problems.append(f"{logged['contradicted']} events were heard again with other fields")
    return Findings(problems, statuses, cancelled, logged)


def _became(order: Order | None) -> str:
    if order and order.reason == CANCELLED:
        return IN_TIME
    if order and order.status == "COMPLETED":
        return TOO_LATE
    return FAILED


def problems_of_order(facts: Facts, status: str, expected: str) -> Iterator[str]:
    """An event that was told with different fields was decided twice."""
    for name, fact in facts.items():
        if len(fact.details) > 1:
            yield f"{name} was told with {len(fact.details)} different contents: {fact.details}"
    for one, other in _EITHER:
        if {one, other} <= facts.keys():
            yield f"both {one} and {other} were told"
    if "OrderFailed" in facts and status != "FAILED":
        yield f"{status}, but OrderFailed was told"
    if "OrderFailed" not in facts and status == "FAILED":
        yield f"{status}, but OrderFailed was never told"
    if status == "COMPLETED" and expected != "COMPLETED":
        yield "COMPLETED, but it should have failed"


def check_journal(stack: Stack, bus: FaultyBus) -> list[str]:
    """The journal must have every event that was on the bus, just as it was told."""
    await_journal(stack)
    problems = []
    for order_id, facts in bus.facts.items():
        found = journaled(stack, order_id)
        for name, fact in facts.items():
            if fact.is_on_bus and found.get(name) != fact.details:
                problems.append(f"{order_id}: {name} is not in the journal as it was told")
    return problems


def check_audit(stack: Stack) -> list[str]:
    """`saga audit` must find nothing, once the journal has caught up."""
    ran = Saga(stack).run("audit", "--json")
    found: list[str] = json.loads(ran.stdout)["problems"]
    return [f"saga audit: {problem}" for problem in found]


def await_journal(stack: Stack) -> None:
    """Waits until the journal's queue is empty. A batch comes back after a minute if the journal was killed at it."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    url = stack.outputs["JournalQueueUrl"]
    deadline = time.monotonic() + _JOURNAL_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        attributes = stack.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        if all(int(count) == 0 for count in attributes.values()):
            return
        time.sleep(0.5)


def journaled(stack: Stack, order_id: str) -> dict[str, set[str]]:
    """Returns the order's events in the journal: by name, the different contents."""
    query: dict[str, Any] = {
        "TableName": stack.outputs["JournalTable"],
        "KeyConditionExpression": "orderId = :id AND sort < :summary",
        "ExpressionAttributeValues": {":id": {"S": order_id}, ":summary": {"S": "summary"}},
    }
    details: dict[str, set[str]] = defaultdict(set)
    for page in stack.client("dynamodb").get_paginator("query").paginate(**query, ConsistentRead=True):
        for item in page["Items"]:
            detail = json.loads(item["detail"]["S"]) | {"metadata": None}
            details[item["detailType"]["S"]].add(json.dumps(detail, sort_keys=True))
    return details


def log_lines(stack: Stack, since_ms: int) -> Counter[str]:
    """Counts lines of the functions' logs by what they say."""
    pages = stack.client("logs").get_paginator("filter_log_events")
    lines: Counter[str] = Counter()
    for function in ("order", "order-http", "order-watchdog", "payment", "inventory", "shipping", "journal"):
        for page in pages.paginate(logGroupName=f"/aws/lambda/{aws.STACK_NAME}-{function}", startTime=since_ms):
            for event in page["events"]:
                lines.update(what for what, text in _LOGGED.items() if text in event["message"])
    return lines
