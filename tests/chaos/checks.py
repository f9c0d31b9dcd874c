"""What must hold after all that: nothing lost, nothing done twice. Read from the tables, the journal and the logs."""

import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from chaos.clients import Placed
from chaos.faulty_bus import Facts, FaultyBus

from sagactl.stack import aws, books, dead_letters
from sagactl.stack.deployed import Stack

_JOURNAL_TIMEOUT_SECONDS = 600
_EITHER = (("PaymentOK", "PaymentFail"), ("StockReserved", "StockFailed"), ("ShipmentOK", "ShipmentFail"))
_LOGGED = {
    "killed": "signal: killed",
    "timed out": "Task timed out",
    "heard again": '"heard again"',
    "contradicted": "repeated with other fields",
}


@dataclass(frozen=True)
class Findings:
    """`problems` is what is wrong, a line each; `logged` counts lines of the functions' logs."""

    problems: list[str]
    statuses: Counter[str]
    logged: Counter[str]


def check(stack: Stack, bus: FaultyBus, placed: list[Placed], stocked: dict[str, int], since_ms: int) -> Findings:
    logged, statuses = log_lines(stack, since_ms), Counter[str]()
    problems = books.audit(stack, [p.order_id for p in placed], stocked)
    for p in placed:
        order = books.state_of(stack, "order", p.order_id)
        status = order.status if order else "unknown"
        statuses[status] += 1
        problems += [f"{p.order_id}: {wrong}" for wrong in wrongs(bus.facts[p.order_id], status, p.wanted.expected)]
    with dead_letters.held(stack) as found:
        left = [letter for letter in found.letters if letter.order_id in {*bus.facts, None}]
    problems += [f"{letter.order_id}: {letter.name} is a dead letter still: {letter.failure}" for letter in left]
    if logged["contradicted"]:
        problems.append(f"{logged['contradicted']} events were heard again with other fields")
    return Findings(problems, statuses, logged)


def wrongs(facts: Facts, status: str, expected: str) -> Iterator[str]:
    """A fact that was told in two ways was decided twice."""
    for name, fact in facts.items():
        if len(fact.details) > 1:
            yield f"{name} was told in {len(fact.details)} ways: {fact.details}"
    for one, other in _EITHER:
        if {one, other} <= facts.keys():
            yield f"both {one} and {other} were told"
    if ("OrderFailed" in facts) is not (status == "FAILED"):
        yield f"{status}, but OrderFailed was {'told' if 'OrderFailed' in facts else 'never told'}"
    if status == "COMPLETED" != expected:
        yield "COMPLETED, but it should have failed"


def check_journal(stack: Stack, bus: FaultyBus) -> list[str]:
    """The journal must have every event that was on the bus, in the one way in which it was told."""
    await_journal(stack)
    problems = []
    for order_id, facts in bus.facts.items():
        found = journaled(stack, order_id)
        on_bus = {name: fact.details for name, fact in facts.items() if fact.is_on_bus}
        problems += [
            f"{order_id}: {name} is not journaled as told" for name in on_bus if found.get(name) != on_bus[name]
        ]
    return problems


def await_journal(stack: Stack) -> None:
    """Until the journal's queue is empty: a batch at which the journal was killed comes back after a minute."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    deadline = time.monotonic() + _JOURNAL_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        queue = {"QueueUrl": stack.outputs["JournalQueueUrl"], "AttributeNames": names}
        if not any(int(number) for number in stack.client("sqs").get_queue_attributes(**queue)["Attributes"].values()):
            return
        time.sleep(0.5)


def journaled(stack: Stack, order_id: str) -> dict[str, set[str]]:
    """The ways in which each of the order's events is in the journal, by name."""
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
    pages = stack.client("logs").get_paginator("filter_log_events")
    lines: Counter[str] = Counter()
    for function in ("order", "order-http", "order-watchdog", "payment", "inventory", "shipping", "journal"):
        for page in pages.paginate(logGroupName=f"/aws/lambda/{aws.STACK_NAME}-{function}", startTime=since_ms):
            for event in page["events"]:
                lines.update(what for what, text in _LOGGED.items() if text in event["message"])
    return lines
