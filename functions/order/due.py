"""When an open order is due to be asked about, and the index that the watchdog finds it by.

An order is due at ages of 1, 2, 4, ... deadlines. The index `due` has every open order by that time, in shards.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple, Protocol

from msgspec.structs import replace

from order.reactions import OPEN_SHARDS, Order
from saga.dynamodb import write
from saga.event import Timestamp

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

INDEX = "due"
SHARD_MAX = 100_000  # entries that are read of each shard, those due first


class OpenOrder(NamedTuple):
    """An entry of the index."""

    order_id: str
    opened_at: Timestamp
    due_at: Timestamp


def dated(order: Order, opened_at: Timestamp, deadline: timedelta) -> Order:
    """Gives an order that is in the index, and has no due time yet, its first one."""
    if order.open_shard is None or order.due_at is not None:
        return order
    return replace(order, due_at=Timestamp.of(datetime.fromisoformat(opened_at) + deadline))


def next_due(opened_at: Timestamp, now: Timestamp, deadline: timedelta) -> Timestamp:
    """Returns when the order is 1, 2, 4, ... deadlines old for the next time."""
    age = deadline
    opened = datetime.fromisoformat(opened_at)
    until = datetime.fromisoformat(now)
    while opened + age <= until:
        age *= 2
    return Timestamp.of(opened + age)


class OpenOrders(Protocol):
    """The orders that are open, as the watchdog sees them."""

    def read(self, has_time: Callable[[], bool]) -> list[OpenOrder]:
        """Returns them all, or as many of those due first as there is time for."""

    def move_on(self, order: OpenOrder, due_at: Timestamp) -> None:
        """Changes the due time and nothing else. Raises Conflict if it is not as it was read: any other writer wins."""


class DynamoOpenOrders:
    """The index of the order table. It may lag behind, so that an entry is read that is gone by now."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def read(self, has_time: Callable[[], bool]) -> list[OpenOrder]:
        with ThreadPoolExecutor(OPEN_SHARDS) as pool:
            shards = pool.map(lambda shard: self._shard(shard, has_time), range(OPEN_SHARDS))
            return list(chain.from_iterable(shards))

    def move_on(self, order: OpenOrder, due_at: Timestamp) -> None:
        """A closed order has no due time, so the condition fails for it, too."""
        write(
            self._client.update_item,
            TableName=self._table,
            Key={"orderId": {"S": order.order_id}},
            UpdateExpression="SET dueAt = :due",
            ConditionExpression="dueAt = :read",
            ExpressionAttributeValues={":due": {"S": due_at}, ":read": {"S": order.due_at}},
        )

    def _shard(self, shard: int, has_time: Callable[[], bool]) -> list[OpenOrder]:
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            IndexName=INDEX,
            KeyConditionExpression="openShard = :shard",
            ExpressionAttributeValues={":shard": {"N": str(shard)}},
            PaginationConfig={"MaxItems": SHARD_MAX},
        )
        found = []
        for page in pages:
            for item in page["Items"]:
                opened_at = Timestamp(item["openedAt"]["S"])
                found.append(OpenOrder(item["orderId"]["S"], opened_at, Timestamp(item["dueAt"]["S"])))
            if not has_time():
                break
        return found
