"""One service hearing one event, for real, under every fault that can befall it.

Everything is what runs in Lambda, wiring included, except that ledgers are kept in memory and that the bus puts its
events into a list. What a service does depends on the event, its own entry and the stock alone, so each such case
is run once and remembered: millions of states of the saga come from a few thousand runs.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache, partial
from http import HTTPStatus
from typing import Any, NamedTuple
from unittest.mock import MagicMock, Mock, patch
from uuid import UUID, uuid5

from botocore.exceptions import ClientError
from msgspec.structs import replace
from support.isolation import isolate
from support.memory import MemoryLedger, MemoryOpenOrders, MemoryStockLedger

from contracts.events import EVENTS, OrderCancelled, OrderCreated, OrderExpired
from contracts.values import Amount
from inventory.stock import DynamoStockLedger
from order.triggers import cancel, expire
from saga import service as service_module
from saga.bus import EventBridgeBus, NotTold
from saga.dynamodb import write
from saga.event import Event, Metadata, Timestamp
from saga.ledger import Conflict
from saga.serialization import from_builtins, parse, to_json
from saga.service import Service
from sagactl.design import choreography
from sagactl.design.five_ways import CHEAP, FEW, PRODUCT, TOO_DEAR, TOO_LARGE
from sagactl.local.functions import CONTEXT
from sagactl.local.in_process import ACCOUNT_ID, hearers, load_functions, request

NOW = Timestamp("2026-01-31T12:00:00.000Z")
SERVICES = sorted(choreography.services())
HTTP = "http"  # order's other doors
WATCHDOG = "watchdog"
CRASHES = ("crash before recall", "crash after recall", "crash after record", "crash after tell")
PUTS_REFUSED = ("PutEvents refuses once", "PutEvents refuses")
THROTTLED = "DynamoDB throttles a transaction once"
REFUSALS = (*PUTS_REFUSED, THROTTLED)
CANCELLED: Any = {
    "Error": {"Code": "TransactionCanceledException"},
    "CancellationReasons": [{"Code": "None"}, {"Code": "ThrottlingError"}],
}


class World(NamedTuple):
    """What decides how orders end.

    With more than one of `versions`, OrderCreated is told that often with other fields, the others by the bus.
    """

    pays: bool = True
    in_stock: bool = True
    ships: bool = True
    orders: int = 1
    versions: int = 1
    cancelled: bool = False

    @property
    def quantity(self) -> int:
        return FEW if self.ships else TOO_LARGE

    @property
    def stocked(self) -> int:
        """The units that there are: enough for one order in any version, or one unit too few."""
        return self.quantity + self.versions - 1 if self.in_stock else self.quantity - 1

    def created(self, order: int, version: int = 0) -> OrderCreated:
        amount = CHEAP if self.pays else TOO_DEAR
        return OrderCreated(ORDER_IDS[order], PRODUCT, self.quantity + version, Amount(amount + version), timestamp=NOW)


class Delivery(NamedTuple):
    """A fact on its way to a service, or a POST that is to tell it on its way to the order service's HTTP function.

    Or a run of the watchdog that finds the order of the fact due.
    """

    service: str
    fact: Event


class Case(NamedTuple):
    """What came of a delivery: the entry, the stock, and the facts told; `failed` if it is to be delivered again.

    `other_entry` is that of a delivery for another order, heard between recall and record.
    """

    entry: bytes | None
    stock: int
    told: tuple[Event, ...]
    failed: bool
    other_entry: bytes | None = None


class Crash(BaseException):
    """The process is gone; nothing in it gets to handle that."""


class Faulty:
    """A ledger, and an EventBridge client, that do what the fault says at their step."""

    def __init__(self, ledger: Any, fault: str | None, meanwhile: Callable[[], None] | None) -> None:
        self.ledger = ledger
        self.fault = fault
        self.meanwhile = meanwhile
        self.told: list[Event] = []

    def recall(self, order_id: UUID) -> Any:
        self._crash("crash before recall")
        entry = self.ledger.recall(order_id)
        self._crash("crash after recall")
        return entry

    def record(self, entry: Any, before: Any) -> None:
        self.let_the_other()
        write(self._written, entry=entry, before=before)
        self._crash("crash after record")

    def _written(self, entry: Any, before: Any) -> None:
        if self.fault == THROTTLED and isinstance(self.ledger, MemoryStockLedger):
            self.fault = None
            raise ClientError(CANCELLED, "TransactWriteItems")
        self.ledger.record(entry, before)

    def read(self, _has_time: Any = None) -> Any:
        return MemoryOpenOrders(self.ledger).read()

    def move_on(self, order: Any, due_at: Any) -> None:
        self.let_the_other()
        MemoryOpenOrders(self.ledger).move_on(order, due_at)

    def let_the_other(self) -> None:
        other = self.meanwhile
        self.meanwhile = None
        if other:
            other()

    def put_events(self, Entries: list[dict[str, str]]) -> dict[str, Any]:  # noqa: N803  # boto3's name
        if self.fault in PUTS_REFUSED:
            self.fault = None if self.fault == "PutEvents refuses once" else self.fault
            return {"Entries": [{"ErrorCode": "InternalFailure"} for _ in Entries]}
        for entry in Entries:
            self.told.append(_said(parse(json.loads(entry["Detail"]), EVENTS[entry["DetailType"]])))
        self._crash("crash after tell")
        return {"Entries": [{"EventId": "1"} for _ in Entries]}

    def _crash(self, step: str) -> None:
        if self.fault == step:
            raise Crash


def _said(event: Event) -> Event:
    """The event without how it came about, and with what it follows from."""
    return replace(event, metadata=Metadata(answers=event.answers))


isolate()
FUNCTIONS = load_functions()
APPS = {name: FUNCTIONS[f"{name}.app"] for name in SERVICES}
DOOR = FUNCTIONS["order.http"]
WATCH = FUNCTIONS["order.watchdog"]
ORDER_IDS = [uuid5(DOOR._ORDER_OF_KEY, f"{ACCOUNT_ID}:{order}") for order in range(2)]


def expired(order_id: UUID) -> OrderExpired:
    return replace(expire(order_id, NOW), metadata=None)


def cancelled(order_id: UUID) -> OrderCancelled:
    return cancel(order_id, NOW)


def service_of(delivery: Delivery) -> str:
    return "order" if delivery.service in (HTTP, WATCHDOG) else delivery.service


def heard_by(event: Event) -> list[Delivery]:
    return [Delivery(name, event) for name in hearers(APPS, event.name)]


@cache
def case(
    delivery: Delivery,
    entry: bytes | None,
    stock: int,
    fault: str | None = None,
    other: Delivery | None = None,
    other_entry: bytes | None = None,
) -> Case:
    """Has the service hear the fact; with `other`, that is heard in full between recall and record."""
    own = APPS[service_of(delivery)].service.ledger
    keeps_stock = isinstance(own, DynamoStockLedger)
    ledger: Any = MemoryStockLedger({PRODUCT: stock}) if keeps_stock else MemoryLedger()
    order_id = delivery.fact.order_id
    other_id = (other or delivery).fact.order_id
    for known_id, known in ((other_id, other_entry), (order_id, entry)):
        if known:
            ledger.entries[known_id] = from_builtins(json.loads(known), own.entry_type)
    before = Faulty(ledger, None, None)
    meanwhile = partial(hear, other, before) if other else None
    faulty = Faulty(ledger, fault, meanwhile)
    failed = False
    try:
        hear(delivery, faulty)
        faulty.let_the_other()  # if nothing was to be recorded
    except (Crash, Conflict, NotTold, ClientError):
        failed = True
    units = ledger.stock[PRODUCT] if keeps_stock else stock
    return Case(
        entry=written(ledger, order_id),
        stock=units,
        told=(*before.told, *faulty.told),
        failed=failed,
        other_entry=written(ledger, other_id),
    )


def written(ledger: MemoryLedger[Any], order_id: UUID) -> bytes | None:
    entry = ledger.entries.get(order_id)
    return to_json(entry) if entry else None


def hear(delivery: Delivery, faulty: Faulty) -> None:
    """As Lambda hands it over."""
    client: Any = faulty
    bus = EventBridgeBus(client, "saga", no_pause)
    if delivery.service == WATCHDOG:
        watch(faulty, bus)
        return
    app = APPS[service_of(delivery)]
    reactions = [with_ledger(reaction, faulty.ledger) for reaction in set(app.service.reactions.values())]
    told = Service(reactions, faulty, bus, dated=app.service.dated)
    told._pause = no_pause
    fact = delivery.fact
    with clock(NOW):
        if delivery.service == HTTP:
            with patch.object(DOOR, "service", told):
                answer = DOOR.handler(post(fact), CONTEXT)
            if answer["statusCode"] == HTTPStatus.SERVICE_UNAVAILABLE:
                raise NotTold(answer)  # the client asks again
            assert answer["statusCode"] in _answers(fact), answer
        else:
            detail = json.loads(to_json(fact))
            told.hear({"id": "1", "source": fact.source, "detail-type": fact.name, "detail": detail})


def watch(faulty: Faulty, bus: EventBridgeBus) -> None:
    """The watchdog runs when the order is due."""
    for order in faulty.read():
        with patch.multiple(WATCH, orders=faulty, bus=bus), clock(order.due_at):
            WATCH.handler({}, CONTEXT)


def with_ledger(reaction: Any, ledger: Any) -> Any:
    """A reaction that looks something up, with the ledger in memory to look it up in."""
    found = {name: getattr(ledger, name) for name in getattr(reaction, "keywords", {}) if hasattr(ledger, name)}
    return partial(reaction, **found) if found else reaction


def _answers(fact: Event) -> set[HTTPStatus]:
    if isinstance(fact, OrderCancelled):
        return {HTTPStatus.ACCEPTED, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT}
    return {HTTPStatus.ACCEPTED, HTTPStatus.CONFLICT}


def post(order: Any) -> dict[str, Any]:
    """The request that places or cancels this order."""
    if isinstance(order, OrderCancelled):
        return request("POST", f"/orders/{order.order_id}/cancel")
    wanted = {"productId": order.product_id, "quantity": order.quantity, "amount": float(order.amount)}
    return request("POST", "/orders", json.dumps(wanted), key=str(ORDER_IDS.index(order.order_id)))


def no_pause(_seconds: float) -> None:
    pass


@contextmanager
def clock(moment: Timestamp) -> Iterator[None]:
    """A clock that stands still."""
    with patch.object(Timestamp, "now", classmethod(lambda _: moment)):
        yield


@contextmanager
def quiet() -> Iterator[None]:
    """No logs or metrics."""
    with ExitStack() as patches:
        for module in (service_module, DOOR, WATCH):
            patches.enter_context(patch.multiple(module, logger=MagicMock(), count=Mock()))
        yield
