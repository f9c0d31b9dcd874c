"""What one more saga costs, and how long it takes, beside ever more that are done already."""

import itertools
import json
import statistics
import time
import uuid
from collections.abc import Iterator
from typing import Any

import boto3

from sagactl.bench.meter import Usage
from sagactl.bench.paths import PATHS, walk
from sagactl.bench.serial import Serial, running
from sagactl.stack import journal
from sagactl.stack.deployed import Stack

SIZES = (100, 1_000, 10_000)


_SAGAS = 20  # measured at each size


_ITEMS_MAX = 25  # of one BatchWriteItem


class _MeteredStack(Stack):
    def client(self, service: str) -> Any:
        return boto3.client(service)  # type: ignore[call-overload]  # a name that is no literal


def measured() -> Iterator[dict[str, Any]]:
    """What a saga costs at each size. The orders that are there are copies of one that the functions closed."""
    with running() as serial:
        walk(serial, PATHS["completed"], "the one that is copied")
        items = list(_items(serial))
        there = 1
        for size in SIZES:
            _copy(serial, items, size - there)
            there = size
            yield _measure(serial, size)


def _measure(serial: Serial, size: int) -> dict[str, Any]:
    walked, seconds = [], []
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
    """Every item of the one order, with its table, as JSON."""
    for name in serial.stack.outputs:
        if name != "StockTable":
            for item in serial.stack.client("dynamodb").scan(TableName=name)["Items"]:
                if item["orderId"]["S"] != "calibration":
                    yield name, json.dumps(item)


def _copy(serial: Serial, items: list[tuple[str, str]], copies: int) -> None:
    original = json.loads(items[0][1])["orderId"]["S"]
    puts = (
        (name, {"PutRequest": {"Item": json.loads(text.replace(original, order_id))}})
        for order_id in (str(uuid.uuid4()) for _ in range(copies))
        for name, text in items
    )
    for batch in itertools.batched(puts, _ITEMS_MAX, strict=False):
        by_table = {name: [put for of, put in batch if of == name] for name, _ in batch}
        serial.stack.client("dynamodb").batch_write_item(RequestItems=by_table)
