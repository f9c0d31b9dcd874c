"""A bus and ledgers in memory. tests/contract holds them to the same contracts as those on AWS."""

import threading
from collections.abc import Callable, Sequence
from uuid import UUID

from msgspec.structs import replace

from inventory.reactions import Reservation
from inventory.stock import given_back
from order.due import OpenOrder
from order.reactions import Order
from saga.event import Event, Timestamp
from saga.ledger import Conflict, Entry, State


class MemoryBus:
    def __init__(self) -> None:
        self.facts: list[Event] = []
        self._taken = 0

    def tell(self, facts: Sequence[Event]) -> None:
        self.facts.extend(facts)

    def take(self) -> list[Event]:
        """Returns the facts told since it was called last."""
        new = self.facts[self._taken :]
        self._taken += len(new)
        return new


class MemoryLedger[S: State]:
    def __init__(self) -> None:
        self.entries: dict[UUID, Entry[S]] = {}
        self.lock = threading.RLock()

    def recall(self, order_id: UUID) -> Entry[S] | None:
        return self.entries.get(order_id)

    def record(self, entry: Entry[S], before: Entry[S] | None) -> None:
        with self.lock:
            current = self.entries.get(entry.order_id)
            if (current and current.version) != (before and before.version):
                raise Conflict(entry=current)
            self.entries[entry.order_id] = entry


class MemoryStockLedger(MemoryLedger[Reservation]):
    def __init__(self, stock: dict[str, int]) -> None:
        super().__init__()
        self.stock = stock

    def available(self, product_id: str) -> int | None:
        return self.stock.get(product_id)

    def record(self, entry: Entry[Reservation], before: Entry[Reservation] | None) -> None:
        product_id = str(entry.state.product_id)
        units = given_back(entry, before)
        with self.lock:
            if units < 0 and self.stock.get(product_id, 0) < -units:
                raise Conflict
            super().record(entry, before)
            if units:
                self.stock[product_id] = self.stock.get(product_id, 0) + units


class MemoryOpenOrders:
    """The open orders of a ledger."""

    def __init__(self, ledger: MemoryLedger[Order]) -> None:
        self.ledger = ledger

    def read(self, _has_time: Callable[[], bool] = lambda: True) -> list[OpenOrder]:
        found = []
        for entry in self.ledger.entries.values():
            due_at = entry.state.due_at
            if entry.state.open_shard is not None and due_at is not None:
                found.append(OpenOrder(str(entry.order_id), entry.opened_at, due_at))
        return found

    def move_on(self, order: OpenOrder, due_at: Timestamp) -> None:
        with self.ledger.lock:
            entry = self.ledger.entries.get(UUID(order.order_id))
            if entry is None or entry.state.due_at != order.due_at:
                raise Conflict
            moved = replace(entry, state=replace(entry.state, due_at=due_at))
            self.ledger.entries[entry.order_id] = moved
