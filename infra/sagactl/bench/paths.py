"""Every way a saga can go, walked once, and what it used."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from unittest.mock import patch

from saga.event import Timestamp
from sagactl.bench.meter import Usage
from sagactl.bench.serial import Serial
from sagactl.local import loading
from sagactl.stack import books, shop

PRODUCT, UNITS = "item-001", 500


class Path(NamedTuple):
    """An order and what befalls its events; payment's limit is 10,000, and shipping's capacity 100."""

    quantity: int = 2
    amount: int = 1000
    times: int = 1  # that each event is delivered
    lost: str | None = None  # an event that nobody hears, until the watchdog looks for the order

    @property
    def wanted(self) -> dict[str, Any]:
        return {"productId": PRODUCT, "quantity": self.quantity, "amount": self.amount}


PATHS = {
    "completed": Path(),
    "payment_failed": Path(amount=10_001),
    "stock_failed": Path(quantity=UNITS + 1),
    "shipment_failed": Path(quantity=101),
    "payment_and_stock_failed": Path(amount=10_001, quantity=UNITS + 1),
    "completed_every_delivery_twice": Path(times=2),
    "expired": Path(lost="StockReserved"),
}


class Walked(NamedTuple):
    """What one saga used, what journaling it used, and what the watchdog used to find it, if it had to."""

    saga: Usage
    journal: Usage
    watchdog: Usage


def walk(serial: Serial, path: Path, key: str) -> Walked:
    walked = Walked(Usage(), Usage(), Usage())
    shop.set_available(serial.stack, PRODUCT, UNITS)
    with serial.meter.into(walked.saga):
        if path.lost:
            with _placed_past_its_deadline():
                order_id = serial.place(path.wanted, key)
            serial.deliver(path.times, {path.lost}, walked.journal)
            _find_late(serial, walked)
        else:
            order_id = serial.place(path.wanted, key)
        serial.deliver(path.times, (), walked.journal)
    status = books.state_of(serial.stack, "order", order_id).status
    if status not in shop.CLOSED:
        raise AssertionError(f"{key} ends {status}")
    return walked


def _find_late(serial: Serial, walked: Walked) -> None:
    """The watchdog runs every minute, whatever it finds: only what it tells is the saga's."""
    with serial.meter.into(walked.watchdog):
        serial.look_for_late_orders()
    for name in ("events", "event_chunks"):
        walked.saga.counts[name] += walked.watchdog.counts.pop(name)


@contextmanager
def _placed_past_its_deadline() -> Iterator[None]:
    deadline = timedelta(seconds=int(loading.environment("order.watchdog")["DEADLINE_SECONDS"]))
    opened_at = Timestamp.of(datetime.now(UTC) - deadline - timedelta(minutes=1))
    with patch.object(Timestamp, "now", classmethod(lambda _: opened_at)):
        yield
