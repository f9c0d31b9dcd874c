"""What every stock ledger promises: the units move together with their reservation, or neither does."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import UUID, uuid4

import pytest
from msgspec.structs import replace
from support.given import AT
from support.implementations import CONCURRENT, THREADS, Stocked, StockLedger

from inventory.reactions import Reservation
from saga.ledger import Conflict, Entry


def reservation(quantity: int, product_id: str = "apple", order_id: UUID | None = None) -> Entry[Reservation]:
    state = Reservation(status="RESERVED", product_id=product_id, quantity=quantity)
    return Entry(order_id or uuid4(), 1, AT, state, {}, {})


def released(entry: Entry[Reservation]) -> Entry[Reservation]:
    return replace(entry, version=entry.version + 1, state=replace(entry.state, status="RELEASED"))


def test_only_products_that_are_kept_are_available(stocked: Stocked) -> None:
    ledger = stocked(apple=5, pear=0)
    assert (ledger.available("apple"), ledger.available("pear"), ledger.available("quince")) == (5, 0, None)


def test_a_reservation_takes_its_units(stocked: Stocked) -> None:
    ledger = stocked(apple=5)
    entry = reservation(2)
    ledger.record(entry, None)
    assert (ledger.available("apple"), ledger.recall(entry.order_id)) == (3, entry)


def test_a_release_gives_the_units_back(stocked: Stocked) -> None:
    ledger = stocked(apple=5)
    entry = reservation(2)
    ledger.record(entry, None)
    ledger.record(released(entry), entry)
    assert (ledger.available("apple"), ledger.recall(entry.order_id)) == (5, released(entry))


def test_all_of_the_units_may_be_taken(stocked: Stocked) -> None:
    ledger = stocked(apple=5)
    ledger.record(reservation(5), None)
    assert ledger.available("apple") == 0


@pytest.mark.parametrize("product_id", ["apple", "quince"])
def test_more_units_than_there_are_cannot_be_taken(stocked: Stocked, product_id: str) -> None:
    ledger = stocked(apple=5)
    entry = reservation(6, product_id)
    before = ledger.available(product_id)
    with pytest.raises(Conflict):
        ledger.record(entry, None)
    assert (ledger.available(product_id), ledger.recall(entry.order_id)) == (before, None)


@pytest.mark.parametrize("status", ["OUT_OF_STOCK", "RELEASED"])
def test_an_entry_that_holds_no_units_moves_none(stocked: Stocked, status: str) -> None:
    ledger = stocked(apple=5)
    entry = reservation(2)
    entry = replace(entry, state=replace(entry.state, status=status))
    ledger.record(entry, None)
    assert (ledger.available("apple"), ledger.recall(entry.order_id)) == (5, entry)


def test_units_are_taken_only_once(stocked: Stocked) -> None:
    ledger = stocked(apple=5)
    entry = reservation(4)
    ledger.record(entry, None)
    ledger.record(replace(entry, version=2), entry)
    assert ledger.available("apple") == 1


def test_units_are_given_back_only_once(stocked: Stocked) -> None:
    ledger = stocked(apple=5)
    entry = reservation(4)
    ledger.record(entry, None)
    ledger.record(released(entry), entry)
    ledger.record(replace(released(entry), version=3), released(entry))
    assert ledger.available("apple") == 5


def test_a_release_gives_units_back_even_if_the_product_is_no_longer_kept(stocked: Stocked) -> None:
    ledger = stocked()
    entry = reservation(4, product_id=f"gone-{uuid4()}")
    before = replace(entry, state=replace(entry.state, status="OUT_OF_STOCK"))
    ledger.record(before, None)
    held = replace(entry, version=1)
    ledger.record(released(entry), held)
    assert ledger.available(str(entry.state.product_id)) == 4


@pytest.mark.parametrize("first", [True, False], ids=["reserving", "releasing"])
def test_a_conflict_changes_neither_the_units_nor_the_entry(stocked: Stocked, first: bool) -> None:
    ledger = stocked(apple=5)
    entry = reservation(2)
    ledger.record(entry, None)
    stale = replace(entry, version=9)
    writes = (entry, None) if first else (released(stale), stale)
    with pytest.raises(Conflict) as raised:
        ledger.record(*writes)
    assert raised.value.entry == entry
    assert (ledger.available("apple"), ledger.recall(entry.order_id)) == (3, entry)


def until_decided(ledger: StockLedger, entry: Entry[Reservation]) -> bool:
    """Reserves as the service does, with far more attempts: others may take units between its look and its write."""
    for _ in range(10_000):
        if (ledger.available(str(entry.state.product_id)) or 0) < entry.state.quantity:
            return False
        try:
            ledger.record(entry, None)
        except Conflict:
            continue
        return True
    raise AssertionError("undecided")


@pytest.mark.parametrize("implementation", CONCURRENT, indirect=True)
def test_of_many_at_once_only_as_many_reserve_as_there_are_units(stocked: Stocked) -> None:
    ledger = stocked(apple=20)
    start = Barrier(THREADS)

    def reserve(_: int) -> bool:
        start.wait()
        return until_decided(ledger, reservation(2))

    with ThreadPoolExecutor(THREADS) as threads:
        assert sum(threads.map(reserve, range(THREADS))) == 10
    assert ledger.available("apple") == 0


@pytest.mark.parametrize("implementation", CONCURRENT, indirect=True)
def test_of_many_at_once_one_reserves_for_an_order(stocked: Stocked) -> None:
    ledger = stocked(apple=20)
    start = Barrier(THREADS)
    order_id = uuid4()

    def reserve(_: int) -> bool:
        start.wait()
        while True:
            try:
                ledger.record(reservation(2, order_id=order_id), None)
            except Conflict:
                if ledger.recall(order_id):
                    return False
            else:
                return True

    with ThreadPoolExecutor(THREADS) as threads:
        assert sum(threads.map(reserve, range(THREADS))) == 1
    assert ledger.available("apple") == 18
