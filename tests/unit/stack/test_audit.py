"""The audit: what is wrong in what the services recorded."""

import pytest
from msgspec.structs import replace
from support.given import AT, ORDER_ID

from contracts.values import Amount
from inventory.reactions import Reservation
from order.reactions import Order
from payment.reactions import Payment
from saga.dynamodb import DynamoLedger
from saga.event import Timestamp
from saga.ledger import Entry, State
from sagactl.design import choreography
from sagactl.stack import audit, entries, shop
from sagactl.stack.deployed_stack import Stack
from sagactl.stack.journal import Summary
from shipping.reactions import Shipment

PRODUCT, STOCKED = "item-001", 500

COMPLETED = Order(status="COMPLETED", product_id=PRODUCT, quantity=2, amount=Amount(1000))
CHARGED = Payment(status="CHARGED", amount=Amount(1000))
RESERVED = Reservation(status="RESERVED", product_id=PRODUCT, quantity=2)
SHIPPED = Shipment(status="SHIPPED", paid=True, quantity=2)

PENDING = Order(status="PENDING", open_shard=0, due_at=Timestamp("2999-01-01T00:00:00.000Z"))
LATE = replace(PENDING, due_at=AT)
UNWATCHED = replace(PENDING, due_at=None)
UNHEARD = replace(COMPLETED, product_id=None, quantity=None, amount=None)  # its OrderCreated never reached order
FAILED = replace(COMPLETED, status="FAILED", reason="a reason")
DECLINED, REFUNDED = replace(CHARGED, status="DECLINED"), replace(CHARGED, status="CANCELLED")
OUT_OF_STOCK, RELEASED = replace(RESERVED, status="OUT_OF_STOCK"), replace(RESERVED, status="RELEASED")
WAITING, REFUSED = replace(SHIPPED, status="WAITING"), replace(SHIPPED, status="FAILED")

# fmt: off
BALANCED: list[tuple[State, ...]] = [
    (COMPLETED, CHARGED,  RESERVED,     SHIPPED),
    (FAILED,    REFUNDED, RELEASED,     REFUSED),
    (FAILED,    DECLINED, RELEASED,     WAITING),
    (FAILED,    REFUNDED, OUT_OF_STOCK, WAITING),
    (FAILED,    DECLINED, OUT_OF_STOCK),
    (UNHEARD,   CHARGED,  RESERVED,     SHIPPED),
]

ASTRAY: list[tuple[tuple[State, ...], str]] = [
    # what is recorded                                             what is said
    ((),                                                           "still None"),
    ((CHARGED, RESERVED, SHIPPED),                                 "still None"),
    ((replace(COMPLETED, status="PENDING"), CHARGED, RESERVED),    "still PENDING"),
    ((replace(COMPLETED, status="FAILING"), REFUNDED, RELEASED),   "still FAILING"),
    ((COMPLETED,),                                                 "'payment': None"),
    ((FAILED, CHARGED, RESERVED, SHIPPED),                         "'payment': 'CHARGED'"),
    ((COMPLETED, REFUNDED, RESERVED, SHIPPED),                     "'payment': 'CANCELLED'"),
    ((COMPLETED, RESERVED, SHIPPED),                               "'payment': None"),
    ((COMPLETED, CHARGED, RELEASED, SHIPPED),                      "'inventory': 'RELEASED'"),
    ((COMPLETED, CHARGED, RESERVED, WAITING),                      "'shipping': 'WAITING'"),
    ((FAILED, CHARGED, RELEASED, REFUSED),                         "'payment': 'CHARGED'"),
    ((FAILED, REFUNDED, RESERVED, REFUSED),                        "'inventory': 'RESERVED'"),
    ((FAILED, REFUNDED, RELEASED, SHIPPED),                        "'shipping': 'SHIPPED'"),
    ((COMPLETED, replace(CHARGED, amount=Amount(999)), RESERVED, SHIPPED),
     "2 item-001 for 1000 ordered, 2 item-001 for 999 done"),
    ((COMPLETED, replace(CHARGED, answers="a"), replace(RESERVED, answers="b"), SHIPPED),
     "done for 2 versions of the order"),
    ((COMPLETED, CHARGED, replace(RESERVED, quantity=3), SHIPPED),
     "2 item-001 for 1000 ordered, 3 item-001 for 1000 done"),
    ((COMPLETED, CHARGED, replace(RESERVED, product_id="item-002"), SHIPPED),
     "2 item-001 for 1000 ordered, 2 item-002 for 1000 done"),
]
# fmt: on


def record(stack: Stack, states: tuple[State, ...]) -> None:
    """Has each service record its state, and the stock what is left besides."""
    for state in states:
        service = next(name for name in choreography.services() if isinstance(state, entries.state_type(name)))
        entry = Entry(ORDER_ID, 1, AT, state, {}, {})
        DynamoLedger(stack.client("dynamodb"), stack.table(service), type(state)).record(entry, None)
    for product_id in (PRODUCT, "item-002"):
        held = sum(s.held for s in states if isinstance(s, Reservation) and s.product_id == product_id)
        shop.set_available(stack, product_id, STOCKED - held)


def problems(stack: Stack, **stocked: int) -> list[str]:
    return audit.audit(stack, [str(ORDER_ID)], {PRODUCT: STOCKED, "item-002": STOCKED} | stocked)


@pytest.mark.parametrize("states", BALANCED)
def test_an_order_is_done_in_full_or_not_at_all(stack: Stack, states: tuple[State, ...]) -> None:
    record(stack, states)
    assert problems(stack) == []


@pytest.mark.parametrize(("states", "problem"), ASTRAY)
def test_anything_else_is_a_problem(stack: Stack, states: tuple[State, ...], problem: str) -> None:
    record(stack, states)
    [said] = problems(stack)
    assert said.startswith(f"{ORDER_ID}: ")
    assert problem in said


def test_every_service_that_is_deployed_has_an_entry(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fifth service has the State of shipping, and its table; a sixth is in this checkout only."""
    steps, services = choreography.steps(), choreography.services()
    shippings = next(step for step in steps if step.service == "shipping")
    monkeypatch.setattr(choreography, "steps", lambda: (*steps, shippings._replace(service="gifts")))
    monkeypatch.setattr(choreography, "services", lambda: (*services, "gifts", "undeployed"))
    with_gifts = Stack(stack.where, stack.outputs | {"GiftsTable": stack.table("shipping")})
    record(stack, (SHIPPED,))
    found = entries.states(with_gifts, str(ORDER_ID))
    assert list(found) == [*services, "gifts"]
    assert found["gifts"] == found["shipping"] == SHIPPED


def test_stock_is_what_is_available_or_held(stack: Stack) -> None:
    record(stack, (COMPLETED, CHARGED, RESERVED, SHIPPED))
    assert shop.available(stack) == {PRODUCT: STOCKED - 2, "item-002": STOCKED}
    assert audit.stock(stack) == {PRODUCT: STOCKED, "item-002": STOCKED}


def test_stock_that_appears_or_vanishes_is_a_problem(stack: Stack) -> None:
    record(stack, (COMPLETED, CHARGED, RESERVED, SHIPPED))
    assert problems(stack, **{PRODUCT: 501, "item-002": 0, "item-003": 1}) == [
        "item-001: 500 available or held, 501 stocked",
        "item-002: 500 available or held, 0 stocked",
        "item-003: 0 available or held, 1 stocked",
    ]


LAST_TOLD = "2026-01-31T12:00:01.000Z"


def told(status: str, *events: str) -> Summary:
    """The journal's summary of the order."""
    return Summary(str(ORDER_ID), status, AT, dict.fromkeys(events, LAST_TOLD))


# fmt: off
DEPLOYED: list[tuple[tuple[State, ...], Summary, list[str]]] = [
    # what is recorded                       what the journal has        what is said
    ((COMPLETED, CHARGED, RESERVED, SHIPPED), told("COMPLETED", "ShipmentOK"), []),
    ((FAILED, REFUNDED, RELEASED, REFUSED),   told("FAILED", "OrderFailed"),   []),
    ((PENDING, CHARGED),                      told("PENDING", "OrderCreated"), []),
    ((DECLINED,),                             told("FAILING", "PaymentFail"),  []),
    ((LATE, CHARGED),                         told("PENDING", "OrderCreated"), ["the watchdog has not asked about it"]),
    ((UNWATCHED, CHARGED),                    told("PENDING", "OrderCreated"), ["the watchdog does not know it"]),
    ((PENDING, RESERVED, SHIPPED),            told("PENDING", "OrderCreated"), ["SHIPPED, but"]),
    ((PENDING, CHARGED, RESERVED, SHIPPED),   told("PENDING", "OrderCreated"), []),
    ((PENDING, CHARGED, RESERVED),            told("PENDING", "PaymentOK", "PaymentFail"), ["both PaymentOK and"]),
    ((replace(FAILED, due_at=AT), REFUNDED, RELEASED, REFUSED), told("FAILING", "ShipmentFail"), ["has not asked"]),
    ((CHARGED,),                              told("PENDING", "PaymentOK"),    ["CHARGED, but the order service"]),
    ((FAILED, CHARGED, RELEASED, REFUSED),    told("FAILED", "OrderFailed"),   ["'payment': 'CHARGED'"]),
    ((FAILED, REFUNDED, RELEASED, REFUSED),   told("FAILED", "ShipmentFail"),  ["the journal has no OrderFailed"]),
    ((COMPLETED, CHARGED, RESERVED, SHIPPED), told("FAILED", "OrderFailed"),   ["OrderFailed was told, but"]),
]
# fmt: on


@pytest.mark.parametrize(("states", "summary", "said"), DEPLOYED)
def test_a_deployed_order_is_compared_with_what_was_told(
    stack: Stack, states: tuple[State, ...], summary: Summary, said: list[str]
) -> None:
    record(stack, states)
    of_none = Summary("5", "COMPLETED", AT, {"ShipmentOK": LAST_TOLD})  # anybody may put such an event on the bus
    found = audit.audit_deployed(stack, [of_none, summary])
    assert len(found) == len(said)
    for problem, part in zip(found, said, strict=True):
        assert part in problem
