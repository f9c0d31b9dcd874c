"""A meter for what AWS bills, read through the SDK's own hooks: no function knows of it."""

import json
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
CHUNK_BYTES = 64 * 1024  # an event is billed by these
_READS = {"GetItem", "Query"}
_WRITES = {"PutItem", "UpdateItem", "TransactWriteItems"}
_TRANSACTED_UNITS = 2  # for a write of up to a KB in a transaction
_REFUSED_UNITS = {"ConditionalCheckFailedException": 1, "TransactionCanceledException": _TRANSACTED_UNITS}
_EMPTY_PAGE_UNITS = 0.5


@dataclass
class Usage:
    """How much of everything in prices.toml was used, and the largest of what goes by size."""

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
        """As people read them: half a cent is a cent."""
        return str(Decimal(str(self.dollars_per_million)).quantize(Decimal("0.01"), ROUND_HALF_UP))

    def fields(self) -> dict[str, float]:
        """As JSON has it."""
        names = ("events", "invocations", "write_units", "read_units")
        counts = {name: plain(self.counts[name]) for name in names}
        return counts | {"dollars_per_million": self.dollars_per_million}


class Meter:
    """Counts into `usage` what is asked of DynamoDB, and takes what is told to EventBridge, which is never asked."""

    def __init__(self) -> None:
        self.usage = Usage()
        self._transactions_say = 1.0  # times what AWS bills
        self.told: list[dict[str, Any]] = []

    def attach(self, hooks: Any) -> None:
        """To the events of a boto3 session, before it makes its clients, or to those of one client."""
        hooks.register("before-parameter-build.dynamodb", self._ask)
        hooks.register("after-call.dynamodb", self._count)
        hooks.register("before-call.events", self._put_events)
        hooks.register("before-call", _know)

    @contextmanager
    def into(self, usage: Usage) -> Iterator[Usage]:
        before, self.usage = self.usage, usage
        try:
            yield usage
        finally:
            self.usage = before

    def calibrate(self, client: Any, table: str, item: dict[str, Any]) -> None:
        """Learns what DynamoDB Local says of a small write in a transaction: that differs from version to version."""
        put = {"Put": {"TableName": table, "Item": item}}
        answer = client.transact_write_items(TransactItems=[put], ReturnConsumedCapacity="TOTAL")
        self._transactions_say = answer["ConsumedCapacity"][0]["CapacityUnits"] / _TRANSACTED_UNITS

    def _ask(self, params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        params["ReturnConsumedCapacity"] = "TOTAL"  # the indexes' included
        actions = [action for item in params.get("TransactItems", ()) for action in item.values()] or [params]
        if len({action["TableName"] for action in actions}) < len(actions):
            raise NotImplementedError("DynamoDB Local does not add up a transaction's writes to the same table")
        context["saga_writes"] = len(actions)
        items = [item_bytes({"M": action["Item"]}) for action in actions if "Item" in action]
        self.usage.item_bytes = max(self.usage.item_bytes, *items, 0)

    def _count(self, parsed: dict[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
        """At AWS's rates where DynamoDB Local has others: for refused writes, transactions and empty pages."""
        if "Error" in parsed:
            units = _REFUSED_UNITS.get(parsed["Error"]["Code"], 0) * context["saga_writes"]
        elif model.name == "TransactWriteItems":
            units = sum(table["CapacityUnits"] for table in parsed["ConsumedCapacity"]) / self._transactions_say
        else:
            units = parsed["ConsumedCapacity"]["CapacityUnits"]
        if model.name == "Query":
            units = max(units, _EMPTY_PAGE_UNITS)
            self.usage.counts["pages"] += 1
        self.usage.counts["read_units" if model.name in _READS else "write_units"] += units

    def _put_events(self, params: dict[str, Any], **_: Any) -> Any:
        entries = json.loads(params["body"])["Entries"]
        for entry in entries:
            size = sum(len(entry[name].encode()) for name in ("Source", "DetailType", "Detail"))
            self.usage.counts.update(events=1, event_chunks=ceil(size / CHUNK_BYTES))
            self.usage.event_bytes = max(self.usage.event_bytes, size)
            self.usage.hops = max(self.usage.hops, json.loads(entry["Detail"]).get("metadata", {}).get("hops", 0))
        self.told += entries
        answer = {"FailedEntryCount": 0, "Entries": [{"EventId": "0"} for _ in entries]}
        return SimpleNamespace(status_code=200), answer


def _know(model: Any, **_: Any) -> None:
    """What the meter does not know is refused, lest it be taken for free."""
    if model.name not in _READS | _WRITES | {"PutEvents"}:
        raise NotImplementedError(f"the meter has no price for {model.service_model.service_name} {model.name}")


def plain(number: float) -> float:
    """A whole number without decimals."""
    return int(number) if number == int(number) else number


def item_bytes(value: dict[str, Any]) -> int:
    """Bytes that DynamoDB counts for a value in its wire format, as its developer guide says."""
    match value:
        case {"S": text}:
            return len(text.encode())
        case {"N": number}:
            return (len(number.strip("-0.").replace(".", "")) + 1) // 2 + 1
        case {"BOOL": _} | {"NULL": _}:
            return 1
        case {"L": items}:
            return 3 + sum(1 + item_bytes(item) for item in items)
        case {"M": items}:
            return 3 + sum(1 + len(name.encode()) + item_bytes(item) for name, item in items.items())
    raise AssertionError(value)
