"""Inventory as it runs in Lambda, on AWS's own DynamoDB Local: any events in any order, several at the same moment.

Hypothesis makes up orders for few units of few products, and what is heard of them: threads hear it all at once,
some of it twice, while the shop restocks.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from types import SimpleNamespace
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from msgspec.structs import replace
from support.given import a, envelope
from support.memory import MemoryBus
from support.output import Counted, Logged

from contracts.events import OrderCreated, PaymentFail, ShipmentFail
from inventory.reactions import Reservation, release, reserve
from inventory.stock import DynamoStockLedger
from saga.event import Event
from saga.ledger import Conflict
from saga.reaction import Reaction
from saga.serialization import to_json
from saga.service import Service
from sagactl.stack import shop
from sagactl.stack.deployed_stack import Stack

PRODUCTS = 2
ORDERS = 10
AT_ONCE = 8
DELIVERIES_MAX = 3  # of one event: Lambda's first, and its two retries
FAILS: frozenset[type[Event]] = frozenset({PaymentFail, ShipmentFail})

type Heard = set[type[Event]]


class Delivery(NamedTuple):
    event: type[Event]
    order: int


class Restock(NamedTuple):
    product: int
    units: int


ORDER = st.integers(0, ORDERS - 1)
PRODUCT = st.integers(0, PRODUCTS - 1)
EVENT = st.sampled_from([OrderCreated, PaymentFail, ShipmentFail])
# Most often orders are created, so that they fight for the units.
JOB = st.builds(Delivery, st.just(OrderCreated) | EVENT, ORDER) | st.builds(Restock, PRODUCT, st.integers(0, 20))
JOBS = st.lists(JOB, min_size=1, max_size=AT_ONCE)
OF_ONE_ORDER = ORDER.flatmap(lambda n: st.lists(st.builds(Delivery, EVENT, st.just(n)), min_size=2, max_size=AT_ONCE))
QUANTITIES = st.lists(st.integers(1, 6), min_size=ORDERS, max_size=ORDERS)
UNITS = st.lists(st.integers(0, 12), min_size=PRODUCTS, max_size=PRODUCTS)


class Watched:
    """A client of DynamoDB that notes by how much the shop changed the units available."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.added: list[tuple[str, int]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def update_item(self, **arguments: Any) -> None:
        self._client.update_item(**arguments)
        values = {name: int(value["N"]) for name, value in arguments["ExpressionAttributeValues"].items()}
        self.added.append((arguments["Key"]["productId"]["S"], values[":units"] - values.get(":seen", 0)))


class Inventory(RuleBasedStateMachine):
    def __init__(self, client: Any, threads: ThreadPoolExecutor) -> None:
        super().__init__()
        self.threads = threads
        self.watched = Watched(client)
        self.bus = MemoryBus()
        self.ledger = DynamoStockLedger(client, "InventoryTable", "StockTable")
        reactions: list[Reaction[Reservation]] = [partial(reserve, available=self.ledger.available), release]
        self.service = Service(reactions, self.ledger, self.bus)
        where: Any = SimpleNamespace(client=lambda _service: self.watched)
        self.shop = Stack(where, {"StockTable": "StockTable"})
        self.products = [f"product-{uuid4()}" for _ in range(PRODUCTS)]
        self.ids = [uuid4() for _ in range(ORDERS)]
        self.heard: dict[int, list[Heard]] = defaultdict(list)  # by order; what was heard at once is one set
        self.reservations: dict[int, Reservation] = {}

    @initialize(quantities=QUANTITIES, units=UNITS)
    def opening(self, quantities: list[int], units: list[int]) -> None:
        self.quantities = quantities
        for product, available in enumerate(units):
            self.restock(Restock(product, available))

    @rule(jobs=JOBS | OF_ONE_ORDER)
    def at_once(self, jobs: Sequence[Delivery | Restock]) -> None:
        available = [self.ledger.available(product_id) for product_id in self.products]
        told = len(self.bus.facts)
        start = Barrier(len(jobs))

        def work(job: Delivery | Restock) -> None:
            start.wait()
            if isinstance(job, Delivery):
                self.deliver(job)
            else:
                self.restock(job)

        list(self.threads.map(work, jobs))
        deliveries = [job for job in jobs if isinstance(job, Delivery)]
        assert len(self.bus.facts) - told == len(deliveries), "each delivery tells one fact"
        self.look_up(deliveries)
        for product in set(range(PRODUCTS)) - {job.product for job in jobs if isinstance(job, Restock)}:
            self.none_is_refused_needlessly(product, {d.order for d in deliveries}, available[product] or 0)

    def deliver(self, delivery: Delivery, deliveries_left: int = DELIVERIES_MAX) -> None:
        """As Lambda does, which delivers again what failed."""
        try:
            self.service.hear(envelope(self.event(delivery)))
        except Conflict:
            if deliveries_left == 1:
                raise
            self.deliver(delivery, deliveries_left - 1)

    def event(self, delivery: Delivery) -> Event:
        order_id = self.ids[delivery.order]
        if delivery.event is not OrderCreated:
            return a(delivery.event, order_id=order_id)
        product_id, quantity = self.wanted(delivery.order)
        return a(OrderCreated, order_id=order_id, product_id=product_id, quantity=quantity)

    def wanted(self, order: int) -> tuple[str, int]:
        return self.products[order % PRODUCTS], self.quantities[order]

    def restock(self, restock: Restock) -> None:
        shop.set_available(self.shop, self.products[restock.product], restock.units)

    def look_up(self, deliveries: list[Delivery]) -> None:
        for order in {delivery.order for delivery in deliveries}:
            self.heard[order].append({d.event for d in deliveries if d.order == order})
            entry = self.ledger.recall(self.ids[order])
            assert entry
            self.reservations[order] = entry.state

    def none_is_refused_needlessly(self, product: int, orders: set[int], available: int) -> None:
        """All that came at once fit, if the stock was enough for all of them together."""
        new = {n for n in orders if n % PRODUCTS == product and OrderCreated in self.heard[n][-1]}
        if sum(self.quantities[order] for order in new) <= available:
            first = {order for order in new if not any(OrderCreated in heard for heard in self.heard[order][:-1])}
            assert all(self.reservations[order].status != "OUT_OF_STOCK" for order in first)

    @invariant()
    def stock_is_conserved(self) -> None:
        for product_id in self.products:
            available = self.ledger.available(product_id)
            held = sum(r.held for r in self.reservations.values() if r.product_id == product_id)
            stocked = sum(units for restocked, units in self.watched.added if restocked == product_id)
            assert available is not None
            assert available >= 0
            assert available + held == stocked

    @invariant()
    def every_order_is_where_it_must_be(self) -> None:
        for order, reservation in self.reservations.items():
            first, *later = self.heard[order]
            failed = bool(FAILS & first.union(*later))
            if OrderCreated not in first:
                assert (reservation.status, reservation.product_id, reservation.quantity) == ("RELEASED", None, 0)
            elif reservation.product_id:
                done = "RELEASED" if failed else "RESERVED"
                assert reservation.status in {done, "OUT_OF_STOCK"}
                assert (reservation.product_id, reservation.quantity) == self.wanted(order)
            else:
                assert reservation.status == "RELEASED"
                assert FAILS & first

    @invariant()
    def no_fact_is_told_in_two_ways(self) -> None:
        ways: dict[tuple[UUID, str], set[bytes]] = defaultdict(set)
        for fact in self.bus.facts:
            ways[fact.order_id, fact.name].add(to_json(replace(fact, metadata=None)))
        assert {fact: told for fact, told in ways.items() if len(told) > 1} == {}


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield pool


def test_units_are_conserved_whatever_is_heard_at_once(
    dynamodb_local: Any, threads: ThreadPoolExecutor, logged: Logged, counted: Counted
) -> None:
    machine: Any = partial(Inventory, dynamodb_local, threads)
    # Without shrinking, which threads that never race the same way twice would lead astray.
    phases = (Phase.reuse, Phase.generate)
    bounds = settings(max_examples=15, stateful_step_count=8, deadline=None, phases=phases)
    run_state_machine_as_test(machine, settings=bounds)
    assert logged()
    assert counted()["Conflicts"], "nothing raced"
