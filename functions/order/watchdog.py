"""The watchdog tells OrderExpired for every order that is due, and moves its due time on.

Shipping answers for an open order. For one that failed, order itself tells OrderFailed again.

It has no memory and no window: what a run does not come to, or what was missed while it was away, stays due. The oldest
due time comes first, so that each run goes on where the one before stopped.
"""

import itertools
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import boto3
from aws_lambda_powertools.metrics import MetricUnit

from order.due import DynamoOpenOrders, OpenOrder, OpenOrders, next_due
from order.triggers import expire
from saga.bus import ENTRIES_MAX, Bus, EventBridgeBus
from saga.event import Timestamp
from saga.ledger import Conflict
from saga.observe import count, logger
from saga.sdk import CONFIG

WORKERS = 16  # threads that tell and move on: 1,000 calls a second at 15 ms each
STOP_MS = 15_000  # before Lambda would stop the run: no call takes longer, not even one that hangs
STOP_READING_MS = 35_000  # before that, too: what was read until then has time to be told

orders: OpenOrders = DynamoOpenOrders(boto3.client("dynamodb", config=CONFIG), os.environ["TABLE_NAME"])
bus: Bus = EventBridgeBus(boto3.client("events", config=CONFIG), os.environ["BUS_NAME"])
deadline = timedelta(seconds=int(os.environ["DEADLINE_SECONDS"]))


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: Any) -> dict[str, int]:
    """Asks about what is due. Returns how many orders were told of, and how many are left for the next run.

    With {"expire": "all"} or {"expire": [ids]} it asks about orders past their deadline now, due or not.
    Raises the first error once all is tried; ValueError if it is asked for something else.
    """
    try:
        return run(event, context.get_remaining_time_in_millis)
    except Exception as error:  # whatever it is, it is counted and logged before Lambda tries again
        count("Failures")
        logger.error(f"{type(error).__name__}: {error}")
        raise


def run(event: dict[str, Any], left_ms: Callable[[], int]) -> dict[str, int]:
    now = Timestamp.now()
    known = orders.read(lambda: left_ms() > STOP_READING_MS)
    oldest = min((order.opened_at for order in known), default=now)
    count("OldestOpenSeconds", seconds(oldest, now), MetricUnit.Seconds)
    count("OrdersDue", sum(order.due_at <= now for order in known))
    late = sorted(wanted(event, known, now), key=lambda order: order.due_at)
    told, errors = tell(late, now, lambda: left_ms() > STOP_MS)
    count("SagasExpired", told)
    left = len(late) - told
    if left:
        logger.warning("left for the next run", orders=left)
    if errors:
        raise errors[0]
    return {"told": told, "left": left}


def wanted(event: dict[str, Any], known: Sequence[OpenOrder], now: Timestamp) -> list[OpenOrder]:
    """Returns the orders that are due; or those that are asked for. Past their deadline they all are.

    The deadline may be another one than when the order was opened.
    """
    match event:
        case {"expire": "all"}:
            chosen = known
        case {"expire": [*ids]}:
            chosen = [order for order in known if order.order_id in ids]
        case {"expire": _}:
            raise ValueError('expire: expected "all", or a list of order ids')
        case _:
            chosen = [order for order in known if order.due_at <= now]
    latest = Timestamp.of(datetime.fromisoformat(now) - deadline)
    return [order for order in chosen if order.opened_at <= latest]


def tell(late: Sequence[OpenOrder], now: Timestamp, has_time: Callable[[], bool]) -> tuple[int, list[BaseException]]:
    """Tells of the orders in batches, several at a time. Returns of how many, and what went wrong with the others."""

    def ask(batch: Sequence[OpenOrder]) -> int:
        if not has_time():
            return 0
        bus.tell([expire(UUID(order.order_id), due(order)) for order in batch])
        for order in batch:
            logger.info("expired", orderId=order.order_id, detailType="OrderExpired", told="OrderExpired")
            if has_time():
                with suppress(Conflict):
                    orders.move_on(order, next_due(order.opened_at, now, deadline))
        return len(batch)

    with ThreadPoolExecutor(WORKERS) as pool:
        asked = [pool.submit(ask, batch) for batch in itertools.batched(late, ENTRIES_MAX, strict=False)]
    errors = [error for error in (each.exception() for each in asked) if error]
    return sum(each.result() for each in asked if not each.exception()), errors


def due(order: OpenOrder) -> Timestamp:
    """Returns when the order was due first: the timestamp of its OrderExpired, whenever that is told."""
    return Timestamp.of(datetime.fromisoformat(order.opened_at) + deadline)


def seconds(since: Timestamp, until: Timestamp) -> float:
    return (datetime.fromisoformat(until) - datetime.fromisoformat(since)).total_seconds()
