"""`saga bench scale`: what one more saga costs, and how long it takes, beside ever more that are done already."""

import itertools
import json
import statistics
import time
import uuid
from collections.abc import Iterator
from typing import Any

import boto3
import typer

from sagactl import journal
from sagactl.bench.meter import Usage
from sagactl.bench.paths import PATHS, walk
from sagactl.bench.serial import Serial, running
from sagactl.options import Json
from sagactl.stack import Stack
from sagactl.terminal import err, result, table

SIZES = (100, 1_000, 10_000)
_SAGAS = 20  # measured at each size
_ITEMS_MAX = 25  # of one BatchWriteItem
_COLUMNS = ("orders", "write_units", "read_units", "journal_write_units", "watchdog_pages", "list_read_units")


class _MeteredStack(Stack):
    def client(self, service: str) -> Any:
        return boto3.client(service)  # type: ignore[call-overload]  # a name that is no literal


def add_to(app: typer.Typer) -> None:
    app.command()(scale)


def scale(as_json: Json = False) -> None:
    """Measure a saga beside 100, 1,000 and 10,000 orders: what it costs must not grow.

    The orders are copies of one that the functions closed, written straight into the tables.
    """
    rows = []
    with running() as serial:
        walk(serial, PATHS["completed"], "the one that is copied")
        items, there = list(_items(serial)), 1
        for size in SIZES:
            with err.status(f"{size:,} orders"):
                _copy(serial, items, size - there)
                there = size
                rows.append(_measure(serial, size))
    shown = table("orders", "writes", "reads", "journal writes", "watchdog pages", "saga orders reads", "ms a saga")
    for column in shown.columns:
        column.justify = "right"
    for row in rows:
        shown.add_row(*(f"{row[name]:g}" for name in _COLUMNS), f"{row['saga_seconds'] * 1000:.0f}")
    result({"sizes": rows}, shown, as_json=as_json)


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
