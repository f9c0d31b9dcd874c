"""How long orders take until they are closed, with a given number in flight."""

import itertools
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sagactl.errors import SagaError

CLOSE_TIMEOUT_SECONDS = 120
_LOOK_SECONDS = 0.02
_KEYS_MAX = 100  # of one BatchGetItem

type OrderPlacer = Callable[[int], str]
"""Places the order of that number, and returns its ID."""

type OrderWaiter = Callable[[str], str]
"""Waits until the order of that ID is closed, and returns its status."""


@dataclass(frozen=True)
class Run:
    """`latencies` are the seconds from placing an order until it is closed; `outcomes` has the status of each order."""

    latencies: list[float]
    outcomes: dict[str, str]
    seconds: float

    @property
    def per_second(self) -> float:
        return len(self.latencies) / self.seconds

    @property
    def statuses(self) -> Counter[str]:
        return Counter(self.outcomes.values())

    def percentile(self, percent: int) -> float:
        if len(self.latencies) == 1:
            return self.latencies[0]
        return statistics.quantiles(self.latencies, n=100, method="inclusive")[percent - 1]


def run(
    place: OrderPlacer,
    closed: OrderWaiter,
    orders: int,
    in_flight: int,
    rate: float | None = None,
    shown: Callable[[Iterable[Any]], Iterable[Any]] = lambda done: done,
) -> Run:
    """Places orders, at most `rate` a second, and waits until each is closed.

    `shown` wraps the orders that are done, to show progress.
    """
    started = time.monotonic()

    def one(number: int) -> tuple[float, str, str]:
        if rate:
            time.sleep(max(0, started + number / rate - time.monotonic()))
        placed_at = time.monotonic()
        order_id = place(number)
        status = closed(order_id)
        return time.monotonic() - placed_at, order_id, status

    with ThreadPoolExecutor(in_flight) as pool:
        pending = [pool.submit(one, number) for number in range(orders)]
        try:
            ended = [future.result() for future in shown(as_completed(pending))]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)  # or every other order would be placed first
            raise
    seconds = time.monotonic() - started
    latencies = [latency for latency, _, _ in ended]
    outcomes = {order_id: status for _, order_id, status in ended}
    return Run(latencies, outcomes, seconds)


class Watcher:
    """Reads all orders that anyone waits for in one request, again and again. `looking` is its thread's result."""

    looking: Future[None]

    def __init__(self, client: Any, table: str) -> None:
        self.client = client
        self.table = table
        self.waited_for: dict[str, threading.Event] = {}
        self.statuses: dict[str, str] = {}
        self.is_over = False

    def closed(self, order_id: str) -> str:
        """Waits until the order is closed, and returns its status.

        Raises SagaError if it stays open, and whatever ended the watcher's thread.
        """
        event = self.waited_for.setdefault(order_id, threading.Event())
        in_time = self.looking.done() or event.wait(CLOSE_TIMEOUT_SECONDS)
        if self.looking.done():
            self.looking.result()
        if not in_time:
            message = f"Order {order_id} is still open after {CLOSE_TIMEOUT_SECONDS} s"
            raise SagaError(message, "Look at it: saga orders --open")
        return self.statuses[order_id]

    def run(self) -> None:
        while not self.is_over:
            self._look()
            time.sleep(_LOOK_SECONDS)

    def wake_all(self, _: Future[None]) -> None:
        """Lets whoever waits find out that nothing is read any more."""
        for event in list(self.waited_for.values()):
            event.set()

    def _look(self) -> None:
        for order_ids in itertools.batched(list(self.waited_for), _KEYS_MAX, strict=False):
            for order_id, status in self._closed(order_ids):
                self.statuses[order_id] = status
                self.waited_for.pop(order_id).set()

    def _closed(self, order_ids: Iterable[str]) -> Iterator[tuple[str, str]]:
        keys = [{"orderId": {"S": order_id}} for order_id in order_ids]
        found = self.client.batch_get_item(RequestItems={self.table: {"Keys": keys, "ConsistentRead": True}})
        for item in found["Responses"].get(self.table, []):
            if item["status"]["S"] in ("COMPLETED", "FAILED"):
                yield item["orderId"]["S"], item["status"]["S"]


@contextmanager
def watching(client: Any, table: str) -> Iterator[Watcher]:
    """Runs a Watcher of the order table during the block."""
    watcher = Watcher(client, table)
    with ThreadPoolExecutor(1) as pool:
        watcher.looking = pool.submit(watcher.run)
        watcher.looking.add_done_callback(watcher.wake_all)
        try:
            yield watcher
        finally:
            watcher.is_over = True
