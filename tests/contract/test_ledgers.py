"""What every ledger promises: only whoever has read an entry as it is now can replace it."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from threading import Barrier
from typing import Any
from uuid import uuid4

import pytest
from boto3.dynamodb.types import Binary
from msgspec.structs import replace
from support.given import AT, a
from support.implementations import CONCURRENT, THREADS, LedgerOf
from support.memory import MemoryBus

from contracts.events import ShipmentFail
from contracts.values import Amount
from inventory.reactions import Reservation
from order.reactions import Order
from payment.reactions import Payment, cancel
from saga.event import Timestamp
from saga.ledger import Conflict, Entry, Heard, Ledger, State
from saga.service import Service
from shipping.reactions import Shipment

CHARGED = Payment(status="CHARGED", amount=Amount("49.9"))


def opened[S: State](state: S) -> Entry[S]:
    """An order's first entry."""
    heard = {"OrderCreated": Heard("0a1b2c3d", "PaymentOK"), "StockFailed": Heard("ffffffff", None)}
    return Entry(uuid4(), 1, AT, state, heard, {"PaymentOK": Timestamp("2026-01-31T12:00:00.001Z")})


def after[S: State](entry: Entry[S], state: S) -> Entry[S]:
    return replace(entry, version=entry.version + 1, state=state)


@pytest.fixture
def payments(ledger_of: LedgerOf) -> Ledger[Payment]:
    return ledger_of(Payment)


def test_recalling_an_unknown_order_returns_none(payments: Ledger[Payment]) -> None:
    assert payments.recall(uuid4()) is None


@pytest.mark.parametrize(
    "state",
    [
        Order(status="PENDING", open_shard=0, product_id="apple", quantity=10_000, amount=Amount("9999999999.99")),
        Order(status="FAILED", payment_settled=True, stock_settled=True, reason="\N{PILE OF POO}"),
        Payment(status="CANCELLED"),
        Payment(status="DECLINED", amount=Amount("0.01"), reason=""),
        Reservation(status="RELEASED"),
        Reservation(status="RESERVED", product_id="apple", quantity=1),
        Shipment(status="WAITING", paid=True),
        Shipment(status="FAILED", quantity=10, reason="the order expired"),
    ],
)
def test_an_entry_is_recalled_as_it_was_recorded(ledger_of: LedgerOf, state: State) -> None:
    ledger = ledger_of(type(state))
    entry = opened(state)
    ledger.record(entry, None)
    assert ledger.recall(entry.order_id) == entry


def test_orders_do_not_affect_each_other(payments: Ledger[Payment]) -> None:
    first = opened(CHARGED)
    second = opened(Payment(status="CANCELLED"))
    payments.record(first, None)
    payments.record(second, None)
    assert [payments.recall(first.order_id), payments.recall(second.order_id)] == [first, second]


def test_an_entry_replaces_the_one_before_as_a_whole(payments: Ledger[Payment]) -> None:
    before = opened(CHARGED)
    entry = replace(after(before, Payment(status="CANCELLED")), heard={}, told={})
    payments.record(before, None)
    payments.record(entry, before)
    assert payments.recall(before.order_id) == entry


UNKNOWN: dict[str, Any] = {
    "dueBy": "2026",
    "parts": [1, Decimal("0.5"), None],
    "names": {"a", "b"},
    "isNew": True,
    "seal": Binary(b"\x00\xff"),
}


def test_what_another_release_has_written_is_kept(payments: Ledger[Payment]) -> None:
    first = replace(opened(CHARGED), unknown=UNKNOWN)
    payments.record(first, None)
    before = payments.recall(first.order_id)
    assert before == first
    payments.record(after(before, Payment(status="CANCELLED")), before)
    now = payments.recall(first.order_id)
    assert now
    assert (now.state.status, now.unknown) == ("CANCELLED", UNKNOWN)


def test_a_service_keeps_what_another_release_has_written(payments: Ledger[Payment]) -> None:
    first = replace(opened(CHARGED), heard={}, unknown=UNKNOWN)
    payments.record(first, None)
    service = Service([cancel], payments, MemoryBus())
    service.learn(a(ShipmentFail, order_id=first.order_id), AT)
    now = payments.recall(first.order_id)
    assert now
    assert (now.state.status, now.unknown) == ("CANCELLED", UNKNOWN)


class NewPayment(Payment, frozen=True):
    due_by: str | None = None
    parts: int = 0


def test_releases_that_know_different_fields_write_one_item(ledger_of: LedgerOf, implementation: Any) -> None:
    """What the older one does not know is as the newer one left it. In memory, releases share no ledger."""
    older = ledger_of(Payment)
    newer = ledger_of(NewPayment) if implementation else older
    entry = opened(NewPayment(status="CHARGED", amount=Amount("49.9"), due_by="2026", parts=3))
    newer.record(entry, None)
    seen = older.recall(entry.order_id)
    assert seen
    older.record(replace(seen, version=2, state=replace(seen.state, status="CANCELLED")), seen)
    assert newer.recall(entry.order_id) == replace(entry, version=2, state=replace(entry.state, status="CANCELLED"))


def test_the_first_write_of_two_wins(payments: Ledger[Payment]) -> None:
    first = opened(CHARGED)
    second = replace(first, state=Payment(status="CANCELLED"))
    payments.record(first, None)
    with pytest.raises(Conflict, match=r"^another write came first$") as raised:
        payments.record(second, None)
    assert payments.recall(first.order_id) == raised.value.entry == first


def test_the_first_replacement_of_two_wins(payments: Ledger[Payment]) -> None:
    before = opened(CHARGED)
    entry = after(before, Payment(status="CANCELLED"))
    payments.record(before, None)
    payments.record(entry, before)
    with pytest.raises(Conflict) as raised:
        payments.record(after(before, CHARGED), before)
    assert payments.recall(before.order_id) == raised.value.entry == entry


def test_an_entry_that_was_never_recorded_cannot_be_replaced(payments: Ledger[Payment]) -> None:
    before = opened(CHARGED)
    with pytest.raises(Conflict) as raised:
        payments.record(after(before, CHARGED), before)
    assert payments.recall(before.order_id) is raised.value.entry is None


@pytest.mark.parametrize("implementation", CONCURRENT, indirect=True)
@pytest.mark.parametrize("first", [True, False], ids=["first", "replacement"])
def test_one_of_many_writes_at_once_wins(payments: Ledger[Payment], first: bool) -> None:
    before = opened(CHARGED)
    start = Barrier(THREADS)
    payments.record(before, None)
    order = opened(CHARGED)

    def write(number: int) -> int | None:
        state = Payment(status="DECLINED", amount=Amount(number + 1))
        start.wait()
        try:
            if first:
                payments.record(replace(order, state=state), None)
            else:
                payments.record(after(before, state), before)
        except Conflict:
            return None
        return number + 1

    with ThreadPoolExecutor(THREADS) as threads:
        (winner,) = filter(None, threads.map(write, range(THREADS)))
    written = order if first else before
    entry = payments.recall(written.order_id)
    assert entry
    assert entry.state.amount == winner
