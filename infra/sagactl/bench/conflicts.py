"""What a conflict between two writes costs: each kind is provoked in one saga, and compared with a saga without it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from sagactl.bench.cost import PATHS, walk
from sagactl.bench.meter import Usage
from sagactl.bench.serial import Serial
from sagactl.local.functions import CONTEXT


def conflicts(serial: Serial) -> dict[str, Usage]:
    """Returns what a saga with each kind of conflict uses beyond a saga without any."""
    path = PATHS["completed"]
    without = walk(serial, path, "no conflict").saga
    found = {}
    for name, provoked in _KINDS.items():
        with provoked(serial):
            usage = Usage(walk(serial, path, name).saga.counts)
        usage.counts.subtract(without.counts)
        found[name] = usage
    return found


@contextmanager
def _both_at_shipping(serial: Serial) -> Iterator[None]:
    """Shipping hears PaymentOK after it decided about StockReserved, and before it records that decision."""
    shipping = serial.modules["shipping.app"]
    record = shipping.service.ledger.record
    hear = shipping.handler
    kept: list[Any] = []

    def keep_the_first(envelope: Any, context: Any) -> None:
        if not kept:
            kept.append(envelope)
            return
        with patch.object(shipping.service.ledger, "record", record_after_the_first):
            hear(envelope, context)

    def record_after_the_first(*entries: Any) -> None:
        shipping.service.ledger.record = record
        hear(kept[0], CONTEXT)
        record(*entries)

    with patch.object(shipping, "handler", keep_the_first):
        yield


@contextmanager
def _both_at_the_stock(serial: Serial) -> Iterator[None]:
    """DynamoDB cancels inventory's first transaction, as it does when another transaction holds the product."""
    hooks = serial.modules["inventory.app"].ledger.client.meta.events
    refusal = {
        "Error": {"Code": "TransactionCanceledException"},
        "CancellationReasons": [{"Code": "None"}, {"Code": "TransactionConflict"}],
    }
    answers = [(SimpleNamespace(status_code=400), refusal)]

    def cancel(**_: Any) -> Any:
        return answers.pop() if answers else None

    hooks.register("before-call.dynamodb.TransactWriteItems", cancel)
    yield
    hooks.unregister("before-call.dynamodb.TransactWriteItems", cancel)


_KINDS: dict[str, Callable[[Serial], Any]] = {
    "PaymentOK and StockReserved meet at shipping": _both_at_shipping,
    "two orders meet at the stock of a product": _both_at_the_stock,
}
