"""Every path that a saga can take, and what a saga on it uses."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from unittest.mock import patch

from saga.event import Timestamp
from sagactl.bench.meter import Usage
from sagactl.bench.serial import Serial
from sagactl.design import choreography
from sagactl.design.ways import PRODUCT, UNITS, Way, all_ways
from sagactl.local import functions
from sagactl.stack import entries, shop


class SagaPath(NamedTuple):
    """An order that goes one of the ways, and how its events are delivered."""

    way: Way
    times: int = 1  # how often each event is delivered
    lost: str | None = None  # an event that is not delivered, so that the watchdog expires the order


WAYS = all_ways(UNITS)
PATHS = {name: SagaPath(way) for name, way in WAYS.items()} | {
    "completed_every_delivery_twice": SagaPath(WAYS["completed"], times=2),
    "expired": SagaPath(WAYS["completed"], lost="StockReserved"),
}


class Walked(NamedTuple):
    """What one saga used, what its events used in the journal, and what the watchdog used to find it, if it did."""

    saga: Usage
    journal: Usage
    watchdog: Usage


def walk(serial: Serial, path: SagaPath, key: str) -> Walked:
    """Runs one saga on the path. `key` is its Idempotency-Key, and different for each saga."""
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
        if path.way.is_cancelled:
            serial.cancel(order_id)
        serial.deliver(path.times)
    status = entries.state_of(serial.stack, "order", order_id).status
    if status not in choreography.closed():
        raise AssertionError(f"the order of {key!r} is {status} in the end")
    return walked


def journaled_at_once(serial: Serial) -> Usage:
    """Runs a saga that completes, and returns what its events use in the journal if they are one batch."""
    serial.kept = []
    walk(serial, PATHS["completed"], "journaled at once")
    serial.journal = Usage()
    serial.write_kept()
    return serial.journal


def _find_late(serial: Serial, walked: Walked) -> None:
    """Runs the watchdog. It runs every minute in any case, so only the events that it tells count for the saga."""
    with serial.meter.into(walked.watchdog):
        serial.look_for_late_orders()
    for name in ("events", "event_chunks"):
        walked.saga.counts[name] += walked.watchdog.counts.pop(name)


@contextmanager
def _placed_past_its_deadline() -> Iterator[None]:
    """An order that is placed in the block is past its deadline afterwards."""
    deadline = timedelta(seconds=int(functions.environment("order.watchdog")["DEADLINE_SECONDS"]))
    opened_at = Timestamp.of(datetime.now(UTC) - deadline - timedelta(minutes=1))
    with patch.object(Timestamp, "now", classmethod(lambda _: opened_at)):
        yield
