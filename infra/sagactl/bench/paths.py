"""Every way a saga can go, walked once, and what it used."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from unittest.mock import patch

from saga.event import Timestamp
from sagactl.bench.meter import Usage
from sagactl.bench.serial import Serial
from sagactl.design import choreography
from sagactl.design.ways import PRODUCT, UNITS, Way, five_ways
from sagactl.local import loading
from sagactl.stack import books, shop


class Path(NamedTuple):
    """An order that goes one of the five ways, and what happens to its events."""

    way: Way
    times: int = 1  # that each event is delivered
    lost: str | None = None  # an event that nobody hears, until the watchdog looks for the order


WAYS = five_ways(UNITS)
PATHS = {name: Path(way) for name, way in WAYS.items()} | {
    "completed_every_delivery_twice": Path(WAYS["completed"], times=2),
    "expired": Path(WAYS["completed"], lost="StockReserved"),
}


class Walked(NamedTuple):
    """What one saga used, what journaling it used, and what the watchdog used to find it, if it had to."""

    saga: Usage
    journal: Usage
    watchdog: Usage


def walk(serial: Serial, path: Path, key: str) -> Walked:
    walked = Walked(Usage(), Usage(), Usage())
    shop.set_available(serial.stack, PRODUCT, UNITS)
    serial.journal = walked.journal
    with serial.meter.into(walked.saga):
        if path.lost:
            with _placed_past_its_deadline():
                order_id = serial.place(path.way.wanted, key)
            serial.deliver(path.times, lost={path.lost})
            _find_late(serial, walked)
        else:
            order_id = serial.place(path.way.wanted, key)
        serial.deliver(path.times)
    status = books.state_of(serial.stack, "order", order_id).status
    if status not in choreography.closed():
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
