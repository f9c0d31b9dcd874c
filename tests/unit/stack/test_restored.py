"""What a table lacks that was restored to an earlier moment is made again, as it was."""

import json
from typing import Any

import pytest
from msgspec.structs import replace
from support.given import ORDER_ID, REASON, a, detail

from contracts.events import (
    OrderCreated,
    OrderExpired,
    OrderFailed,
    PaymentCancel,
    PaymentFail,
    PaymentOK,
    ShipmentFail,
    ShipmentOK,
    StockFailed,
    StockRelease,
    StockReserved,
)
from contracts.values import Amount, AmountOrZero
from inventory.reactions import Reservation
from payment.reactions import Payment
from saga.event import Event, Timestamp
from saga.ledger import State
from sagactl.errors import SagaError
from sagactl.stack import entries, journal, shop
from sagactl.stack.deployed_stack import Stack
from sagactl.stack.restored import as_it_was, behind, lacking, make_again
from shipping.reactions import Shipment

LATER = Timestamp("2026-01-31T13:00:00.000Z")
CREATED = a(OrderCreated)
PAID = a(PaymentOK)
RESERVED = a(StockReserved)
EXPIRED = a(OrderExpired)
NOTHING_BACK = a(PaymentCancel, refunded=AmountOrZero(0))
TOO_MUCH = a(ShipmentFail, reason="quantity 2 is over the capacity of 1")
LATE = a(ShipmentFail, reason="the order expired")
PAYMENT = Payment(status="CHARGED", amount=Amount("49.9"), answers=CREATED.answers)
RESERVATION = Reservation(status="RESERVED", product_id="apple", quantity=2, answers=CREATED.answers)
CANCELLED = replace(PAYMENT, status="CANCELLED", reason=REASON)
RELEASED = replace(RESERVATION, status="RELEASED", reason=REASON)
SHIPMENT = Shipment(status="SHIPPED", paid=True, quantity=2)

# fmt: off
MADE_AGAIN: list[tuple[str, tuple[Event, ...], State]] = [
    # what was told of the order, in any sequence                  the state that it follows from
    ("payment", (CREATED, PAID), PAYMENT),
    ("payment", (a(ShipmentFail), CREATED, a(PaymentCancel), PAID), CANCELLED),
    ("payment", (CREATED, a(ShipmentFail), NOTHING_BACK), Payment(status="CANCELLED", reason=REASON)),
    ("payment", (CREATED, a(PaymentFail)), replace(PAYMENT, status="DECLINED", reason=REASON)),
    ("inventory", (CREATED, RESERVED), RESERVATION),
    ("inventory", (CREATED, a(ShipmentFail), RESERVED, a(StockRelease)), RELEASED),
    ("inventory", (CREATED, a(StockFailed)), replace(RESERVATION, status="OUT_OF_STOCK", reason=REASON)),
    ("shipping", (EXPIRED, PAID, RESERVED, a(ShipmentOK)), SHIPMENT),
    ("shipping", (PAID, RESERVED, TOO_MUCH), replace(SHIPMENT, status="FAILED", reason=TOO_MUCH.reason)),
    ("shipping", (PAID, RESERVED, EXPIRED, LATE), Shipment(status="FAILED", reason=LATE.reason)),
]
# fmt: on


@pytest.mark.parametrize(("service", "told", "state"), MADE_AGAIN)
def test_a_service_has_heard_what_leads_to_what_it_told(service: str, told: tuple[Event, ...], state: State) -> None:
    entry = as_it_was(service, None, [replace(fact, timestamp=LATER) for fact in told])
    assert entry is not None
    assert entry.state == state
    assert set(entry.told.values()) == {LATER}
    assert lacking(service, entry, told) == ()


def test_an_order_that_failed_is_over() -> None:
    told = (CREATED, a(PaymentFail), a(StockRelease), a(OrderFailed))
    entry = as_it_was("order", None, told)
    assert entry is not None
    assert (entry.state.status, entry.state.reason, entry.state.due_at) == ("FAILED", "a reason", None)


def test_what_was_told_for_another_reason_is_not_explained() -> None:
    assert as_it_was("shipping", None, [PAID, a(ShipmentOK)]) is None
    assert as_it_was("payment", None, [CREATED, a(PaymentOK, amount=Amount(1))]) is None


def test_a_service_that_knows_all_that_it_told_lacks_nothing() -> None:
    entry = as_it_was("payment", None, [CREATED, PAID])
    assert lacking("payment", entry, [CREATED, PAID, RESERVED, a(ShipmentOK)]) == ()
    assert lacking("payment", entry, [CREATED, PAID, a(PaymentCancel)]) == ("PaymentCancel",)


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the journal has of the order."""
    facts = [CREATED, PAID, RESERVED, EXPIRED, a(ShipmentOK)]
    items = [
        {
            "toldAt": fact.timestamp,
            "arrivedAt": fact.timestamp,
            "detailType": fact.name,
            "source": fact.source,
            "detail": json.dumps(detail(fact)),
        }
        for fact in facts
    ]
    monkeypatch.setattr(journal, "events", lambda *_: items)
    return [type("Fact", (), {"event": fact}) for fact in facts]


def test_tables_are_as_they_were_and_so_is_the_stock(stack: Stack, written: list[Any]) -> None:
    shop.set_available(stack, "apple", 5)
    found = behind(stack, written)
    assert [(one.service, one.lacks) for one in found] == [
        ("payment", ("PaymentOK",)),
        ("inventory", ("StockReserved",)),
        ("shipping", ("ShipmentOK",)),
    ]
    for one in found:
        make_again(stack, one)
    states = entries.states(stack, str(ORDER_ID))
    assert {name: state.status for name, state in states.items() if state} == {
        "payment": "CHARGED",
        "inventory": "RESERVED",
        "shipping": "SHIPPED",
    }
    assert shop.available(stack) == {"apple": 3}
    assert behind(stack, written) == []


def test_without_the_stock_of_that_moment_nothing_is_written(stack: Stack, written: list[Any]) -> None:
    shop.set_available(stack, "apple", 1)
    [inventory] = [one for one in behind(stack, written) if one.service == "inventory"]
    with pytest.raises(SagaError, match="Restore both of inventory's tables"):
        make_again(stack, inventory)
    assert entries.entry_of(stack, "inventory", str(ORDER_ID)) is None
