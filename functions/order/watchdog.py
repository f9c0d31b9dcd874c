"""The watchdog tells OrderExpired for every order that stays open past its deadline. It writes nothing.

It tells it at ages of 1, 2, 4, ... deadlines until the order is closed; shipping answers each time.
"""

import itertools
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import boto3
from aws_lambda_powertools.metrics import MetricUnit

from order.reactions import OPEN_SHARDS
from order.triggers import expire
from saga.bus import ENTRIES_MAX, EventBridgeBus
from saga.event import Timestamp
from saga.observe import count, logger
from saga.sdk import CONFIG

WINDOW = timedelta(seconds=130)  # two periods between runs and a little, so that one may be missed and the next late
OLDEST_ASKED = timedelta(days=14)  # an older one raises the alarm on the oldest open order

dynamodb = boto3.client("dynamodb", config=CONFIG)
bus = EventBridgeBus(boto3.client("events", config=CONFIG), os.environ["BUS_NAME"])
table = os.environ["TABLE_NAME"]
deadline = timedelta(seconds=int(os.environ["DEADLINE_SECONDS"]))


@logger.inject_lambda_context(clear_state=True)
def handler(_event: object, _context: object) -> None:
    now = datetime.now(UTC)
    late: dict[tuple[UUID, Timestamp], None] = {}
    for since, until in windows(now, deadline):
        late |= dict.fromkeys(open_orders(since, until))
    for batch in itertools.batched(late, ENTRIES_MAX, strict=False):
        facts = [expire(order_id, due(opened_at)) for order_id, opened_at in batch]
        bus.tell(facts)
        for fact in facts:
            logger.info("expired", orderId=str(fact.order_id), detailType=fact.name, told=fact.name)
    count("SagasExpired", len(late))
    oldest = min((opened_at for _, opened_at in open_orders(limit=1)), default=Timestamp.of(now))
    count("OldestOpenSeconds", (now - datetime.fromisoformat(oldest)).total_seconds(), MetricUnit.Seconds)


def windows(now: datetime, deadline: timedelta) -> Iterator[tuple[Timestamp, Timestamp]]:
    """Yields from when to when the orders were opened that have just reached an age of 1, 2, 4, ... deadlines."""
    age = deadline
    while age <= OLDEST_ASKED:
        yield Timestamp.of(now - age - WINDOW), Timestamp.of(now - age)
        age *= 2


def open_orders(since: str = "0", until: str = "9", limit: int = 1_000_000) -> Iterator[tuple[UUID, Timestamp]]:
    """Yields the id of each open order and when it was opened, the oldest first in each shard of the index."""
    pages = dynamodb.get_paginator("query")
    for shard in range(OPEN_SHARDS):
        for page in pages.paginate(
            TableName=table,
            IndexName="open",
            KeyConditionExpression="openShard = :shard AND openedAt BETWEEN :since AND :until",
            ExpressionAttributeValues={
                ":shard": {"N": str(shard)},
                ":since": {"S": since},
                ":until": {"S": until},
            },
            PaginationConfig={"PageSize": min(limit, 100), "MaxItems": limit},
        ):
            for item in page["Items"]:
                yield UUID(item["orderId"]["S"]), Timestamp(item["openedAt"]["S"])


def due(opened_at: Timestamp) -> Timestamp:
    return Timestamp.of(datetime.fromisoformat(opened_at) + deadline)
