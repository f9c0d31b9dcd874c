"""The four services as EventBridge invokes them: every fault that a delivery can meet, and what is left of it."""

import json
from typing import Any
from uuid import UUID, uuid4

import boto3
import pytest
from msgspec.structs import replace
from support.emulation import Function, Heard, interleave, refusing
from support.given import a, detail, envelope, named

from contracts.events import (
    EVENTS,
    OrderCreated,
    OrderExpired,
    PaymentCancel,
    PaymentFail,
    PaymentOK,
    ShipmentFail,
    ShipmentOK,
    StockFailed,
    StockRelease,
    StockReserved,
)
from saga.bus import ATTEMPTS, NotTold
from saga.event import HOPS_MAX, Event, Metadata
from saga.serialization import Refused, parse
from sagactl.local.functions import CONTEXT, environment

STOCKED = 1_000

# What each service has heard, hears now, and tells of it.
SERVICES: dict[str, tuple[list[Event], Event, str]] = {
    "order": ([a(OrderCreated), a(PaymentFail)], a(StockFailed), "OrderFailed"),
    "payment": ([], a(OrderCreated), "PaymentOK"),
    "inventory": ([], a(OrderCreated), "StockReserved"),
    "shipping": ([a(PaymentOK)], a(StockReserved), "ShipmentOK"),
}


class Delivery:
    """One order's events, as they are delivered to one service."""

    def __init__(self, app: Any, heard: Heard) -> None:
        self.handler = app.handler
        self.service = app.service
        self.order_id = uuid4()
        self._heard = heard

    def __call__(self, *events: Event, **other: Any) -> None:
        for event in events:
            self.handler(envelope(replace(event, order_id=self.order_id), **other), CONTEXT)

    @property
    def entry(self) -> Any:
        return self.service.ledger.recall(self.order_id)

    def told(self) -> list[Event]:
        """Since it was asked last; each is well formed, and of its own source."""
        events = [(e["source"], parse(e["detail"], EVENTS[e["detail-type"]])) for e in self._heard()]
        assert all(source == event.source for source, event in events)
        return [event for _, event in events]

    def told_names(self) -> list[str]:
        return [event.name for event in self.told()]


@pytest.fixture
def stock(heard: Heard) -> Any:  # noqa: ARG001  # this fixture makes the table
    """The stock, of STOCKED apples."""
    table = boto3.resource("dynamodb").Table(environment("inventory.app")["STOCK_TABLE_NAME"])
    table.put_item(Item={"productId": "apple", "available": STOCKED})
    return table


def available(stock: Any) -> int:
    return int(stock.get_item(Key={"productId": "apple"})["Item"]["available"])


@pytest.fixture(params=SERVICES)
def service(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def deliver(service: str, function: Function, heard: Heard, stock: Any) -> Delivery:  # noqa: ARG001  # apples are needed
    return Delivery(function(f"{service}.app"), heard)


@pytest.fixture
def last(service: str, deliver: Delivery) -> tuple[Event, str]:
    """The event that makes the service tell a fact, and the fact; what comes before it has been delivered."""
    before, event, tells = SERVICES[service]
    deliver(*before)
    assert deliver.told() == []
    return event, tells


def test_a_service_tells_a_fact_for_an_event(deliver: Delivery, last: tuple[Event, str]) -> None:
    event, tells = last
    deliver(event, event_id="cause")
    (told,) = deliver.told()
    assert told.name == tells
    assert told.order_id == deliver.order_id
    assert told.timestamp == deliver.entry.told[tells]
    assert told.metadata == Metadata("cause", 1, deliver.entry.state.answers)


def test_a_second_delivery_only_tells_again(deliver: Delivery, last: tuple[Event, str], stock: Any) -> None:
    event, _ = last
    deliver(event)
    entry = deliver.entry
    units = available(stock)
    deliver(event, event_id="again")
    first, second = deliver.told()
    assert replace(first, metadata=None) == replace(second, metadata=None)
    assert second.metadata == Metadata("again", 1, entry.state.answers)
    assert (deliver.entry, available(stock)) == (entry, units)


def test_of_two_deliveries_at_once_one_is_recorded_and_both_tell(
    deliver: Delivery, last: tuple[Event, str], stock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    event, _ = last
    after = []

    def deliver_the_other() -> None:
        deliver(event)
        after.extend([deliver.entry, available(stock)])

    interleave(monkeypatch, deliver.service.ledger, deliver_the_other)
    deliver(event)
    first, second = deliver.told()
    assert first == second
    assert [deliver.entry, available(stock)] == after


def test_a_crash_after_the_record_is_healed_by_the_retry(
    deliver: Delivery, last: tuple[Event, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    event, tells = last

    def crash(_: object) -> None:
        raise SystemExit("out of memory")

    monkeypatch.setattr(deliver.service.bus, "tell", crash)
    with pytest.raises(SystemExit):
        deliver(event)
    monkeypatch.undo()
    entry = deliver.entry
    assert entry.heard[event.name].told == tells
    assert deliver.told() == []

    deliver(event)
    assert deliver.told_names() == [tells]
    assert deliver.entry == entry


def test_a_fact_that_the_bus_refuses_is_told_again(deliver: Delivery, last: tuple[Event, str]) -> None:
    event, tells = last
    with refusing(deliver.service.bus._client, ATTEMPTS - 1):
        deliver(event)
    assert deliver.told_names() == [tells]


def test_a_fact_that_the_bus_keeps_refusing_is_left_to_the_retry(deliver: Delivery, last: tuple[Event, str]) -> None:
    event, tells = last
    with refusing(deliver.service.bus._client, ATTEMPTS), pytest.raises(NotTold, match=tells):
        deliver(event)
    assert deliver.told() == []
    deliver(event)
    assert deliver.told_names() == [tells]


MALFORMED: dict[str, dict[str, Any]] = {
    "of no known type": {"detail_type": "OrderVanished"},
    "of a type not heard here": {"detail_type": "OrderFailed", "source": "saga.order"},
    "from another source": {"source": "saga.nobody"},
    "without a source": {"source": None},
    "of another eventType": {"detail": {"eventType": "OrderFailed"}},
    "without an order": {"detail": {"orderId": None}},
    "at no time": {"detail": {"timestamp": "yesterday"}},
    "after too many hops": {"detail": {"metadata": {"hops": HOPS_MAX + 1}}},
    "with no object for a detail": {"detail": "{}"},
    "without a detail": {"detail": None},
}


@pytest.mark.parametrize("malformed", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_event_is_raised_and_changes_nothing(
    deliver: Delivery, last: tuple[Event, str], stock: Any, malformed: dict[str, Any]
) -> None:
    event, _ = last
    entry = deliver.entry
    more = malformed.get("detail")
    if isinstance(more, dict):
        malformed = malformed | {"detail": detail(replace(event, order_id=deliver.order_id)) | more}
    with pytest.raises(Refused):
        deliver(event, **malformed)
    assert (deliver.told(), deliver.entry, available(stock)) == ([], entry, STOCKED)


# fmt: off
RACES = [
    # service      hears             but between recall and record   is at last   and all that was told is
    ("order",      a(OrderCreated),  a(ShipmentOK),                  "COMPLETED", []),
    ("order",      a(PaymentFail),   a(StockRelease),                "FAILED",    ["OrderFailed"]),
    ("order",      a(StockRelease),  a(PaymentFail),                 "FAILED",    ["OrderFailed"]),
    ("payment",    a(OrderCreated),  a(StockFailed),                 "CANCELLED", ["PaymentCancel", "PaymentCancel"]),
    ("payment",    a(StockFailed),   a(OrderCreated),                "CANCELLED", ["PaymentOK", "PaymentCancel"]),
    ("payment",    a(StockFailed),   a(ShipmentFail),                "CANCELLED", ["PaymentCancel", "PaymentCancel"]),
    ("inventory",  a(OrderCreated),  a(PaymentFail),                 "RELEASED",  ["StockRelease", "StockRelease"]),
    ("inventory",  a(PaymentFail),   a(OrderCreated),                "RELEASED",  ["StockReserved", "StockRelease"]),
    ("inventory",  a(PaymentFail),   a(ShipmentFail),                "RELEASED",  ["StockRelease", "StockRelease"]),
    ("shipping",   a(PaymentOK),     a(StockReserved),               "SHIPPED",   ["ShipmentOK"]),
    ("shipping",   a(StockReserved), a(PaymentOK),                   "SHIPPED",   ["ShipmentOK"]),
    ("shipping",   a(PaymentOK),     a(OrderExpired),                "FAILED",    ["ShipmentFail", "ShipmentFail"]),
]

OUT_OF_ORDER = [
    # service      hears the undoing first, then what it undoes      is at last   having told
    ("order",      [a(ShipmentOK), a(OrderCreated)],                 "COMPLETED", []),
    ("order",      [a(PaymentCancel), a(StockRelease), a(OrderCreated), a(ShipmentFail)],
                                                                     "FAILED",    ["OrderFailed"]),
    ("payment",    [a(StockFailed), a(OrderCreated)],                "CANCELLED", ["PaymentCancel", "PaymentCancel"]),
    ("payment",    [a(ShipmentFail), a(OrderCreated)],               "CANCELLED", ["PaymentCancel", "PaymentCancel"]),
    ("inventory",  [a(PaymentFail), a(OrderCreated)],                "RELEASED",  ["StockRelease", "StockRelease"]),
    ("inventory",  [a(ShipmentFail), a(OrderCreated)],               "RELEASED",  ["StockRelease", "StockRelease"]),
    ("shipping",   [a(OrderExpired), a(PaymentOK), a(StockReserved)],
                                                                     "FAILED",    ["ShipmentFail"] * 3),
]
# fmt: on


@pytest.mark.parametrize(("service", "event", "other", "status", "tells"), RACES, ids=named)
def test_a_service_decides_on_what_another_delivery_changed(
    deliver: Delivery, event: Event, other: Event, status: str, tells: list[str], stock: Any, monkeypatch: Any
) -> None:
    interleave(monkeypatch, deliver.service.ledger, lambda: deliver(other))
    deliver(event)
    assert (deliver.entry.state.status, deliver.told_names()) == (status, tells)
    assert deliver.entry.version == 2
    assert available(stock) == STOCKED


@pytest.mark.parametrize(("service", "events", "status", "tells"), OUT_OF_ORDER)
def test_what_is_undone_first_is_never_done(
    deliver: Delivery, events: list[Event], status: str, tells: list[str], stock: Any
) -> None:
    deliver(*events)
    told = deliver.told()
    assert (deliver.entry.state.status, [event.name for event in told]) == (status, tells)
    for event in told:
        match event:
            case PaymentCancel():
                assert event.refunded == 0
            case StockRelease():
                assert (event.released_product_id, event.released_quantity) == (None, 0)
    assert available(stock) == STOCKED


@pytest.mark.parametrize("service", ["inventory"])
def test_stock_is_taken_and_given_back(deliver: Delivery, stock: Any) -> None:
    deliver(a(OrderCreated, quantity=7))
    assert available(stock) == STOCKED - 7
    deliver(a(ShipmentFail), a(PaymentFail), a(OrderCreated, quantity=7))
    assert available(stock) == STOCKED
    assert [detail(event).get("quantity") for event in deliver.told()] == [7, 7, 7, 7]


@pytest.mark.parametrize("service", ["inventory"])
def test_the_last_units_go_to_one_order(
    deliver: Delivery, stock: Any, function: Function, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Delivery(function("inventory.app"), heard)
    everything = a(OrderCreated, quantity=STOCKED)
    interleave(monkeypatch, deliver.service.ledger, lambda: other(everything))
    deliver(everything)
    told = {event.order_id: event for event in deliver.told()}
    assert told[other.order_id].name == "StockReserved"
    lost = told[deliver.order_id]
    assert isinstance(lost, StockFailed)
    assert (lost.reason, available(stock)) == ("1000 wanted, 0 available", 0)


@pytest.mark.parametrize("service", ["payment", "inventory"])
def test_an_order_is_opened_without_reading_it_first(deliver: Delivery) -> None:
    ledger = deliver.service.ledger
    read = []

    def note(params: Any, **_: Any) -> None:
        read.append(json.loads(params["body"])["TableName"])

    ledger.client.meta.events.register("before-call.dynamodb.GetItem", note)
    deliver(a(OrderCreated))
    assert ledger.table not in read
    deliver(a(ShipmentFail))
    assert ledger.table in read
    ledger.client.meta.events.unregister("before-call.dynamodb.GetItem", note)
    assert len(deliver.told()) == 2


@pytest.mark.parametrize("service", ["payment"])
def test_an_order_id_in_capitals_is_the_same_order(deliver: Delivery) -> None:
    deliver(a(OrderCreated))
    cancelled = detail(a(StockFailed)) | {"orderId": str(deliver.order_id).upper()}
    deliver(a(StockFailed), detail=cancelled)
    assert deliver.entry.state.status == "CANCELLED"
    assert {event.order_id for event in deliver.told()} == {UUID(str(deliver.order_id))}
