"""A meter for what AWS bills. It counts in the SDK's own hooks, so the functions need no change for it."""

import json
import threading
import tomllib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from math import ceil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

PRICES = tomllib.loads(Path(__file__).with_name("prices.toml").read_text())
CHUNK_BYTES = 64 * 1024  # EventBridge bills an event for each of these
_READS = {"GetItem", "Query"}
_WRITES = {"PutItem", "UpdateItem", "BatchWriteItem", "TransactWriteItems"}
_TRANSACTED_UNITS = 2  # for a write of up to 1 KB in a transaction
_REFUSED_UNITS = {"ConditionalCheckFailedException": 1, "TransactionCanceledException": _TRANSACTED_UNITS}
_EMPTY_PAGE_UNITS = 0.5


@dataclass
class Usage:
    """How much was used of each thing that has a price in prices.toml.

    `item_bytes` and `event_bytes` are the sizes of the largest item and event; `hops` is the longest chain of events.
    """

    counts: Counter[str] = field(default_factory=Counter)
    item_bytes: int = 0
    event_bytes: int = 0
    hops: int = 0

    @property
    def dollars_per_million(self) -> float:
        prices: dict[str, float] = PRICES["dollars_per_million"]
        return round(sum(number * prices.get(name, 0) for name, number in self.counts.items()), 3)

    @property
    def dollars(self) -> str:
        """Rounded to cents for people to read; half a cent counts as a cent."""
        return str(Decimal(str(self.dollars_per_million)).quantize(Decimal("0.01"), ROUND_HALF_UP))

    def fields(self) -> dict[str, float]:
        """The figures that `saga bench cost --json` prints."""
        names = ("events", "invocations", "write_units", "read_units")
        counts = {name: plain(self.counts[name]) for name in names}
        return counts | {"dollars_per_million": self.dollars_per_million}


class Meter:
    """Counts in `usage` what DynamoDB does. It keeps in `told` what would go to EventBridge, which gets no request."""

    def __init__(self) -> None:
        self.usage = Usage()
        self._lock = threading.Lock()  # the watchdog reads its shards at the same time
        self._transaction_factor = 1.0  # DynamoDB Local's units of a transaction, divided by those that AWS bills
        self.told: list[dict[str, Any]] = []

    def attach(self, hooks: Any) -> None:
        """Attaches the meter to the hooks of a client, or of a boto3 session that has made no client yet."""
        hooks.register("before-parameter-build.dynamodb", self._ask_for_units)
        hooks.register("after-call.dynamodb", self._count)
        hooks.register("before-call.events", self._put_events)
        hooks.register("before-call", _refuse_unknown)

    @contextmanager
    def into(self, usage: Usage) -> Iterator[Usage]:
        """Counts in another Usage during the block."""
        before = self.usage
        self.usage = usage
        try:
            yield usage
        finally:
            self.usage = before

    def calibrate(self, client: Any, table: str, item: dict[str, Any]) -> None:
        """Measures how many units DynamoDB Local reports for a transaction, because its versions differ in that."""
        put = {"Put": {"TableName": table, "Item": item}}
        answer = client.transact_write_items(TransactItems=[put], ReturnConsumedCapacity="TOTAL")
        self._transaction_factor = answer["ConsumedCapacity"][0]["CapacityUnits"] / _TRANSACTED_UNITS

    def _ask_for_units(self, params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        params["ReturnConsumedCapacity"] = "TOTAL"  # of the table and its indexes
        writes = _writes(params)
        table_names = {write["TableName"] for write in writes}
        if "TransactItems" in params and len(table_names) < len(writes):
            raise NotImplementedError("DynamoDB Local does not add up a transaction's writes to the same table")
        context["saga_writes"] = len(writes)
        for write in writes:
            if "Item" in write:
                self.usage.item_bytes = max(self.usage.item_bytes, item_bytes({"M": write["Item"]}))

    def _count(self, parsed: dict[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
        """Counts at AWS's rates where DynamoDB Local has others: for refused writes, transactions and empty pages."""
        units: Any  # may be a half, which a Counter holds, though its type knows only whole numbers
        if "Error" in parsed:
            units = _REFUSED_UNITS.get(parsed["Error"]["Code"], 0) * context["saga_writes"]
        elif model.name == "TransactWriteItems":
            units = _reported(parsed["ConsumedCapacity"]) / self._transaction_factor
        else:
            units = _reported(parsed["ConsumedCapacity"])
        kind = "read_units" if model.name in _READS else "write_units"
        with self._lock:
            if model.name == "Query":
                units = max(units, _EMPTY_PAGE_UNITS)
                self.usage.counts["pages"] += 1
            self.usage.counts[kind] += units

    def _put_events(self, params: dict[str, Any], **_: Any) -> Any:
        entries = json.loads(params["body"])["Entries"]
        for entry in entries:
            size = sum(len(entry[name].encode()) for name in ("Source", "DetailType", "Detail"))
            self.usage.counts.update(events=1, event_chunks=ceil(size / CHUNK_BYTES))
            self.usage.event_bytes = max(self.usage.event_bytes, size)
            metadata = json.loads(entry["Detail"]).get("metadata", {})
            self.usage.hops = max(self.usage.hops, metadata.get("hops", 0))
        self.told += entries
        answer = {"FailedEntryCount": 0, "Entries": [{"EventId": "0"} for _ in entries]}
        return SimpleNamespace(status_code=200), answer


def _writes(params: dict[str, Any]) -> list[dict[str, Any]]:
    """The writes of a transaction or a batch, or the one call itself."""
    writes: list[dict[str, Any]] = []
    for item in params.get("TransactItems", []):
        writes += item.values()  # {"Put": ...}, for instance
    for table, requests in params.get("RequestItems", {}).items():
        writes += [{"TableName": table} | request["PutRequest"] for request in requests]
    return writes or [params]


def _reported(consumed: dict[str, Any] | list[dict[str, Any]]) -> float:
    """The units of a call, which may have written to several tables."""
    tables = consumed if isinstance(consumed, list) else [consumed]
    return float(sum(table["CapacityUnits"] for table in tables))


def _refuse_unknown(model: Any, **_: Any) -> None:
    """Raises NotImplementedError for a call whose price the meter does not know, so that it is not counted as free."""
    if model.name not in _READS | _WRITES | {"PutEvents"}:
        raise NotImplementedError(f"the meter has no price for {model.service_model.service_name} {model.name}")


def plain(number: float) -> float:
    """Gives a whole number as an int, so that it is printed without decimals."""
    whole = int(number)
    return whole if number == whole else number


def item_bytes(value: dict[str, Any]) -> int:
    """The bytes that DynamoDB counts for a value like {"S": "text"}, by the rules in its developer guide."""
    match value:
        case {"S": text}:
            return len(text.encode())
        case {"N": number}:
            digits = number.strip("-0.").replace(".", "")
            return (len(digits) + 1) // 2 + 1
        case {"BOOL": _} | {"NULL": _}:
            return 1
        case {"L": items}:
            return 3 + sum(1 + item_bytes(item) for item in items)
        case {"M": items}:
            return 3 + sum(1 + len(name.encode()) + item_bytes(item) for name, item in items.items())
    raise AssertionError(value)
