"""What a saga costs, and how long it takes, in tables that already hold 100, 1,000, 10,000 ... orders."""

import itertools
import json
import statistics
import time
import uuid
from collections.abc import Iterator
from typing import Any

import boto3

from journal.items import sharded
from sagactl.bench.cost import PATHS, walk
from sagactl.bench.meter import Usage
from sagactl.bench.serial import Serial, running
from sagactl.stack import journal
from sagactl.stack.deployed_stack import Stack

_FEWEST = 100
_SAGAS = 20  # measured at each size
_ITEMS_MAX = 25  # of one BatchWriteItem
_ID_LENGTH = 36
_SHARDED = {"stateShard", "closedAs"}  # attributes of an order's summary


class _MeteredStack(Stack):
    """A stack whose clients come from the session that the meter is attached to."""

    def client(self, service: str) -> Any:
        return boto3.client(service)  # type: ignore[call-overload]  # boto3's types know clients by literal names only


def sizes(most: int) -> list[int]:
    """Returns 100, 1,000, 10,000 ... as far as `most`."""
    found = itertools.takewhile(lambda size: size <= most, (_FEWEST * 10**power for power in itertools.count()))
    return list(found)


def measured(most: int) -> Iterator[dict[str, Any]]:
    """Gives the figures of each size in turn. The orders in the tables are copies of one that the functions closed."""
    with running() as serial:
        walk(serial, PATHS["completed"], "the order that is copied")
        items = list(_items(serial))
        orders = 1
        for size in sizes(most):
            _copy(serial, items, size - orders)
            orders = size
            yield _measure(serial, size)


def _measure(serial: Serial, size: int) -> dict[str, Any]:
    walked = []
    seconds = []
    for number in range(_SAGAS):
        started = time.perf_counter()
        walked.append(walk(serial, PATHS["completed"], f"{size} {number}"))
        seconds.append(time.perf_counter() - started)
    with serial.meter.into(Usage()) as watchdog:
        serial.look_for_late_orders()
    with serial.meter.into(Usage()) as listing:
        journal.orders(_MeteredStack(serial.stack.where, serial.stack.outputs), limit=20)
    costs = {(each.saga.counts["write_units"], each.saga.counts["read_units"]) for each in walked}
    writes, reads = max(costs)
    return {
        "orders": size,
        "write_units": writes,
        "read_units": reads,
        "journal_write_units": max(each.journal.counts["write_units"] for each in walked),
        "watchdog_pages": watchdog.counts["pages"],
        "list_read_units": listing.counts["read_units"],
        "saga_seconds": round(statistics.median(seconds), 4),
    }


def _items(serial: Serial) -> Iterator[tuple[str, str]]:
    """The table's name and the JSON of every item of the one order."""
    for name in serial.stack.outputs:
        if name != "StockTable":
            for item in serial.stack.client("dynamodb").scan(TableName=name)["Items"]:
                if len(item["orderId"]["S"]) == _ID_LENGTH:  # not the calibration's, nor a batch of the journal's
                    yield name, json.dumps(item)


def _copy(serial: Serial, items: list[tuple[str, str]], copies: int) -> None:
    """Writes copies of the order's items, each copy with an order ID of its own."""
    for batch in itertools.batched(_puts(items, copies), _ITEMS_MAX, strict=False):
        requests: dict[str, list[Any]] = {}
        for table, put in batch:
            requests.setdefault(table, []).append(put)
        serial.stack.client("dynamodb").batch_write_item(RequestItems=requests)


def _puts(items: list[tuple[str, str]], copies: int) -> Iterator[tuple[str, dict[str, Any]]]:
    original = json.loads(items[0][1])["orderId"]["S"]
    for _ in range(copies):
        order_id = str(uuid.uuid4())
        for table, text in items:
            item = json.loads(text.replace(original, order_id))
            yield table, {"PutRequest": {"Item": _in_its_shard(item, order_id)}}


def _in_its_shard(item: dict[str, Any], order_id: str) -> dict[str, Any]:
    """Returns an item of the journal as it is of this order."""
    found = dict(item)
    for name in _SHARDED & item.keys():
        state, _, _ = item[name]["S"].partition("#")
        found[name] = {"S": sharded(state, order_id)}
    return found
