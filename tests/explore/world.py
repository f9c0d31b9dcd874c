"""One service hearing one event, for real, under every fault that can befall it.

Everything is what runs in Lambda, wiring included, except that ledgers are kept in memory and that the bus puts its
events into a list. What a service does depends on the event, its own entry and the stock alone, so each such case
is run once and remembered: millions of states of the saga come from a few thousand runs.

A service's clock is ten seconds on with each write of the entry, and at the deadline when the watchdog asks. So time is
part of the entry, and no two runs differ by it alone.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from copy import copy
from datetime import datetime, timedelta
from functools import cache, partial
from http import HTTPStatus
from typing import Any, NamedTuple
from unittest.mock import patch
from uuid import UUID, uuid5

from botocore.exceptions import ClientError, ReadTimeoutError
from explore.hearing import problem_of_hearing
from explore.releases import LAST_RELEASE, as_json, recalled, written
from msgspec.structs import replace
from support.memory import MemoryLedger, MemoryOpenOrders, MemoryStockLedger

from contracts.events import EVENTS, OrderCancelled, OrderCreated, OrderExpired
from contracts.values import Amount
from inventory.stock import DynamoStockLedger, given_back
from order.triggers import cancel, expire
from saga import service as service_module
from saga.bus import EventBridgeBus, NotTold
from saga.dynamodb import write
from saga.event import Event, Metadata, Timestamp
from saga.ledger import Conflict
from saga.serialization import parse, to_json
from saga.service import Service
from sagactl.design import choreography
from sagactl.design.ways import CHEAP, FEW, PRODUCT, TOO_DEAR, TOO_LARGE
from sagactl.local.functions import CONTEXT
from sagactl.local.in_process import ACCOUNT_ID, load_functions, request
from sagactl.stack import restored

NOW = Timestamp("2026-01-31T12:00:00.000Z")
ELSEWHERE = Timestamp("2031-05-01T00:00:00.000Z")  # what the clock of a client says who puts an order on the bus
TICK = timedelta(seconds=10)
HOPS = 3  # of each fact that is heard, if it says so
SERVICES = sorted(choreography.services())
HTTP = "http"  # order's other doors
WATCHDOG = "watchdog"
CRASHES = ("crash before recall", "crash before record", "crash after record", "crash after tell")
KILLED = {
    "killed while it reads": "crash before record",
    "killed while it writes, in vain": "crash before record",
    "killed while it writes": "crash after record",
    "killed while it tells, in vain": "crash after record",
    "killed while it tells": "crash after tell",
}
"""What a function that runs out of time leaves behind: a call takes effect, or not. Each is as after a crash."""
PUT_REFUSED_ONCE = "PutEvents refuses once"
PUT_REFUSED = "PutEvents refuses"
ONE_REFUSED_ONCE = "PutEvents refuses one entry once"
ONE_REFUSED = "PutEvents refuses one entry"
THROTTLED_ONCE = "DynamoDB throttles a transaction once"
THROTTLED = "DynamoDB throttles transactions"
READ_THROTTLED = "DynamoDB throttles reads"
WRITE_THROTTLED = "DynamoDB throttles writes"
REFUSALS = (
    PUT_REFUSED_ONCE,
    PUT_REFUSED,
    ONE_REFUSED_ONCE,
    ONE_REFUSED,
    THROTTLED_ONCE,
    THROTTLED,
    READ_THROTTLED,
    WRITE_THROTTLED,
)
WRITE_UNANSWERED = "a write is applied, but not answered"
PUT_UNANSWERED = "PutEvents is applied, but not answered"
PUT_NEVER_ANSWERED = "PutEvents is applied, but never answered"
PUT_LOST = "PutEvents is neither applied nor answered"
UNANSWERED = (WRITE_UNANSWERED, PUT_UNANSWERED, PUT_NEVER_ANSWERED, PUT_LOST)
PASSING = (PUT_REFUSED_ONCE, ONE_REFUSED_ONCE, THROTTLED_ONCE, WRITE_UNANSWERED, PUT_UNANSWERED)
"""What a function gets over without being called again."""


class World(NamedTuple):
    """What decides how orders end.

    With more than one of `versions`, OrderCreated is told that often with other fields, the others by the bus. While a
    stack is `updating`, the last release's code may hear any delivery, and any rule may be the last release's.
    """

    pays: bool = True
    in_stock: bool = True
    ships: bool = True
    orders: int = 1
    versions: int = 1
    cancelled: bool = False
    updating: bool = False

    @property
    def quantity(self) -> int:
        return FEW if self.ships else TOO_LARGE

    @property
    def stocked(self) -> int:
        """The units that there are: enough for one order in any version, or one unit too few."""
        return self.quantity + self.versions - 1 if self.in_stock else self.quantity - 1

    def created(self, order: int, version: int = 0) -> OrderCreated:
        """The second version has another quantity and another amount, the third has another amount only."""
        amount = CHEAP if self.pays else TOO_DEAR
        quantity = self.quantity + version % 2
        return OrderCreated(ORDER_IDS[order], PRODUCT, quantity, Amount(amount + min(version, 1)), timestamp=ELSEWHERE)


class Delivery(NamedTuple):
    """A fact on its way to a service, or a POST that is to tell it on its way to the order service's HTTP function.

    Or a run of the watchdog that finds the order of the fact due. The present code hears it, or the last release's.
    """

    service: str
    fact: Event
    is_by_last_release: bool = False


class Case(NamedTuple):
    """What came of a delivery: the entry, the stock, and the facts told; `failed` if it is to be delivered again.

    `other_entry` is that of another delivery, heard between recall and record or, by the watchdog, in the same run.
    `wrong` is what a service must never do, if it does.
    """

    entry: bytes | None
    stock: int
    told: tuple[Event, ...]
    failed: bool
    other_entry: bytes | None = None
    wrong: str | None = None


class Crash(BaseException):
    """The process is gone; nothing in it gets to handle that."""


FAILURES: tuple[type[BaseException], ...] = (Crash, Conflict, NotTold, ClientError, ReadTimeoutError)


class Faulty:
    """A ledger, and an EventBridge client, that do what the fault says at their step."""

    write = staticmethod(write)

    def __init__(self, ledger: Any, fault: str | None, meanwhile: Callable[[], None] | None) -> None:
        self.ledger = ledger
        self.fault = fault
        self.meanwhile = meanwhile
        self.told: list[Event] = []

    def recall(self, order_id: UUID) -> Any:
        self._crash("crash before recall")
        if self.fault == READ_THROTTLED:
            raise refusal("ThrottlingException")
        entry = self.ledger.recall(order_id)
        self._crash("crash before record", "killed while it reads")
        return entry

    def record(self, entry: Any, before: Any) -> None:
        self._crash("crash before record")  # what opens an entry is recorded without a recall
        self.let_the_other()
        self.write(self._written, entry=entry, before=before)
        self._crash("crash after record")

    def _written(self, entry: Any, before: Any) -> None:
        self._crash("killed while it writes, in vain")
        is_transaction = isinstance(self.ledger, MemoryStockLedger) and given_back(entry, before) != 0
        if is_transaction and self._happens(THROTTLED_ONCE, THROTTLED):
            raise refusal("TransactionCanceledException", "None", "ThrottlingError")
        if self.fault == WRITE_THROTTLED:
            raise refusal("ProvisionedThroughputExceededException")
        self.ledger.record(entry, before)
        self._crash("killed while it writes")
        self._unanswered_write()

    def _unanswered_write(self) -> None:
        """The SDK writes again, on a condition that its first write has made false."""
        if self._happens(WRITE_UNANSWERED):
            raise refusal("ConditionalCheckFailedException")

    def read(self, _has_time: Any = None) -> Any:
        return MemoryOpenOrders(self.ledger).read()

    def move_on(self, order: Any, due_at: Any) -> None:
        self.let_the_other()
        write(self._moved_on, order=order, due_at=due_at)

    def _moved_on(self, order: Any, due_at: Any) -> None:
        self._crash("killed while it writes, in vain")
        if self.fault == WRITE_THROTTLED:
            raise refusal("ProvisionedThroughputExceededException")
        MemoryOpenOrders(self.ledger).move_on(order, due_at)
        self._crash("killed while it writes")
        self._unanswered_write()

    def let_the_other(self) -> None:
        other = self.meanwhile
        self.meanwhile = None
        if other:
            other()

    def put_events(self, Entries: list[dict[str, str]]) -> dict[str, Any]:  # noqa: N803  # boto3's name
        self._crash("killed while it tells, in vain")
        if self.fault == PUT_LOST:
            raise ReadTimeoutError(endpoint_url="")
        refused = self._refused(Entries)
        answers = []
        for entry in Entries:
            if entry in refused:
                answers.append({"ErrorCode": "InternalFailure"})
            else:
                answers.append({"EventId": "1"})
                self.told.append(parse(json.loads(entry["Detail"]), EVENTS[entry["DetailType"]]))
        self._crash("crash after tell", "killed while it tells")
        if self._happens(PUT_UNANSWERED):
            return self.put_events(Entries)
        if self.fault == PUT_NEVER_ANSWERED:
            self.told += self.told
            raise ReadTimeoutError(endpoint_url="")
        return {"Entries": answers}

    def _refused(self, entries: list[dict[str, str]]) -> list[dict[str, str]]:
        """The entries that are refused: all, or those about the first order."""
        if self._happens(PUT_REFUSED_ONCE, PUT_REFUSED):
            return entries
        if self._happens(ONE_REFUSED_ONCE, ONE_REFUSED):
            return [entry for entry in entries if str(ORDER_IDS[0]) in entry["Detail"]]
        return []

    def _happens(self, once: str, ever: str | None = None) -> bool:
        """Whether the fault is one of these; one that happens once is over then."""
        if self.fault == once:
            self.fault = None
            return True
        return self.fault is not None and self.fault == ever

    def _crash(self, *steps: str) -> None:
        if self.fault in steps:
            raise Crash


class LastReleaseFaulty(Faulty):
    """The same for the code of the last release, which calls and catches what is its own."""

    write = staticmethod(LAST_RELEASE.modules["saga.dynamodb"].write)

    def _written(self, entry: Any, before: Any) -> None:
        try:
            super()._written(entry, before)
        except Conflict as conflict:
            raise LAST_RELEASE.conflict from conflict


def refusal(code: str, *reasons: str) -> ClientError:
    answer: Any = {"Error": {"Code": code}, "CancellationReasons": [{"Code": reason} for reason in reasons]}
    return ClientError(answer, "")


def said(event: Event) -> Event:
    """The event without how it came about, and with what it follows from.

    When it was decided is left out as well: no service goes by another's clock, and how a service keeps its own is
    checked where it tells.
    """
    return replace(event, timestamp=ELSEWHERE, metadata=Metadata(answers=event.answers))


FUNCTIONS = load_functions()
APPS = {name: FUNCTIONS[f"{name}.app"] for name in SERVICES}
DOOR = FUNCTIONS["order.http"]
WATCH = FUNCTIONS["order.watchdog"]
ORDER_IDS = [uuid5(DOOR._ORDER_OF_KEY, f"{ACCOUNT_ID}:{order}") for order in range(2)]


def expired(order_id: UUID) -> OrderExpired:
    return replace(expire(order_id, ELSEWHERE), metadata=None)


def cancelled(order_id: UUID) -> OrderCancelled:
    return cancel(order_id, ELSEWHERE)


def service_of(delivery: Delivery) -> str:
    return "order" if delivery.service in (HTTP, WATCHDOG) else delivery.service


@cache
def heard_by(event: Event, *, updating: bool = False) -> tuple[Delivery, ...]:
    """To whom the rules deliver the event; those of the last release as well, if the stack is being updated."""
    deliveries = [Delivery(name, event) for name in SERVICES]
    return tuple(one for one in deliveries if is_heard_now(one) or (updating and was_heard(one)))


def is_heard_now(delivery: Delivery) -> bool:
    return delivery.service in (HTTP, WATCHDOG) or delivery.fact.name in APPS[delivery.service].service.reactions


def was_heard(delivery: Delivery) -> bool:
    """Whether it was heard in the last release. What its API does not know is answered with 404."""
    return delivery.service == HTTP or LAST_RELEASE.hears(delivery.service, delivery.fact.name)


def is_told_last(fact: Event) -> bool:
    """Whether it is told only once all who hear it do so: template.yaml has the API updated last.

    That is how a new event has to be rolled out. What is told by hand has to wait as well.
    """
    return not LAST_RELEASE.knows(fact.name)


def dated(entry: bytes | None) -> bytes | None:
    """The entry after `saga expire --undated`, which gives an open order the due time that the last release drops."""
    if entry is None:
        return None
    fields = json.loads(entry)
    if "openShard" in fields["state"] and "dueAt" not in fields["state"]:
        fields["state"]["dueAt"] = fields["openedAt"]
        return as_json(fields)
    return entry


@cache
def case(
    delivery: Delivery,
    entry: bytes | None,
    stock: int,
    fault: str | None = None,
    other: Delivery | None = None,
    other_entry: bytes | None = None,
) -> Case:
    """Has the service hear the fact; with `other`, that is heard in full between recall and record.

    If both are runs of the watchdog, they are one, that finds both orders due.
    """
    if delivery.is_by_last_release:
        return case_of_last_release(delivery, entry, stock, fault)
    own = APPS[service_of(delivery)].service.ledger
    keeps_stock = isinstance(own, DynamoStockLedger)
    ledger: Any = MemoryStockLedger({PRODUCT: stock}) if keeps_stock else MemoryLedger()
    order_id = delivery.fact.order_id
    other_id = (other or delivery).fact.order_id
    items = {other_id: other_entry, order_id: entry}
    for known_id, known in items.items():
        if known:
            ledger.entries[known_id] = recalled(own, known_id, known)
    known_before = dict(ledger.entries)
    heard = _heard(delivery, other, ledger, fault)
    for known_id in items:
        after = ledger.entries.get(known_id)
        if after is not known_before.get(known_id):
            items[known_id] = written(own, after)
    units = ledger.stock[PRODUCT] if keeps_stock else stock
    hops = {hops_of(one.fact) + 1 for one in (delivery, other) if one}
    return Case(
        entry=items[order_id],
        stock=units,
        told=tuple(map(said, heard.told)),
        failed=heard.failed,
        other_entry=items[other_id],
        wrong=problem_of_hearing(known_before, ledger.entries, heard.told, clocks(known_before), hops),
    )


@cache
def made_again(service: str, entry: bytes | None, facts: tuple[Event, ...]) -> tuple[bytes | None, int] | None:
    """The entry as it was when its service had told its part of these facts, and the units that go back to the stock.

    None if there is no such entry. `saga replay --restored` does the same.
    """
    own = APPS[service].service.ledger
    before = recalled(own, UUID(json.loads(entry)["orderId"]), entry) if entry else None
    if not restored.lacking(service, before, facts):
        return entry, 0
    after = restored.as_it_was(service, before, facts)
    if after is None:
        return None
    return written(own, after), given_back(after, before) if service == "inventory" else 0


class Heard(NamedTuple):
    told: list[Event]
    failed: bool


def _heard(delivery: Delivery, other: Delivery | None, ledger: Any, fault: str | None) -> Heard:
    before = Faulty(ledger, None, None)
    meanwhile = None
    if other and not (delivery.service == WATCHDOG == other.service):
        meanwhile = partial(hear, other, before)
    faulty = Faulty(ledger, fault, meanwhile)
    failed = False
    try:
        hear(delivery, faulty)
        faulty.let_the_other()  # if nothing was to be recorded
    except FAILURES:
        failed = True
    return Heard([*before.told, *faulty.told], failed)


def case_of_last_release(delivery: Delivery, entry: bytes | None, stock: int, fault: str | None) -> Case:
    """As `case`. The last release is not asked to keep what `wrong` is about, only what holds of the whole saga."""
    name = service_of(delivery)
    own = LAST_RELEASE.apps[name].service.ledger
    keeps_stock = hasattr(own, "available")
    ledger: Any = MemoryStockLedger({PRODUCT: stock}) if keeps_stock else MemoryLedger()
    fact = delivery.fact
    faulty = LastReleaseFaulty(ledger, fault, None)
    expected = FAILURES + LAST_RELEASE.failures
    failed = False
    with LAST_RELEASE.in_place():
        known = recalled(own, fact.order_id, entry) if entry else None
        if known:
            ledger.entries[fact.order_id] = known
        try:
            with LAST_RELEASE.clock(moment(known)):
                hear_as_last_release(delivery, LAST_RELEASE.service(name, faulty, faulty))
        except expected:
            failed = True
        after = written(own, ledger.entries.get(fact.order_id))
    units = ledger.stock[PRODUCT] if keeps_stock else stock
    return Case(after, units, tuple(map(said, faulty.told)), failed, other_entry=after)


def hear_as_last_release(delivery: Delivery, service: Any) -> None:
    service.reactions = {event: with_ledger(react, service.ledger.ledger) for event, react in service.reactions.items()}
    if delivery.service != HTTP:
        service.hear(envelope(delivery.fact))
        return
    with patch.object(LAST_RELEASE.door, "service", service):
        answer = LAST_RELEASE.door.handler(post(delivery.fact), CONTEXT)
    assert answer["statusCode"] in _answers(delivery.fact), answer


def hear(delivery: Delivery, faulty: Faulty) -> None:
    """As Lambda hands it over."""
    client: Any = faulty
    bus = EventBridgeBus(client, "saga", nothing)
    if delivery.service == WATCHDOG:
        watch(faulty, bus)
        return
    name = service_of(delivery)
    service = copy(wired(name, frozenset(APPS[name].service.reactions.items())))
    service.reactions = {event: with_ledger(react, faulty.ledger) for event, react in service.reactions.items()}
    service.dated = APPS[name].service.dated
    service.opened_by = APPS[name].service.opened_by
    service.ledger = faulty
    service.bus = bus
    fact = delivery.fact
    with clock(moment(faulty.ledger.entries.get(fact.order_id))):
        if delivery.service == HTTP:
            with patch.object(DOOR, "service", service):
                answer = DOOR.handler(post(fact), CONTEXT)
            if answer["statusCode"] == HTTPStatus.SERVICE_UNAVAILABLE:
                raise NotTold(answer)  # the client asks again
            assert answer["statusCode"] in _answers(fact), answer
        else:
            service.hear(envelope(fact))


@cache
def wired(name: str, reactions: frozenset[tuple[str, Any]]) -> Service[Any]:
    """The service with these reactions. Reading their signatures takes longer than hearing an event."""
    service = Service({react for _, react in reactions}, APPS[name].service.ledger, APPS[name].service.bus)
    service._pause = nothing
    return service


def envelope(fact: Event) -> dict[str, Any]:
    """The fact as EventBridge hands it over; one that says what it follows from has come a few hops."""
    if fact.metadata:
        fact = replace(fact, metadata=replace(fact.metadata, hops=HOPS))
    return {"id": "1", "source": fact.source, "detail-type": fact.name, "detail": json.loads(to_json(fact))}


def hops_of(fact: Event) -> int:
    return HOPS if fact.metadata else 0


def watch(faulty: Faulty, bus: EventBridgeBus) -> None:
    """The watchdog runs a little later than the orders are due, and past their deadline."""
    late = max(max(order.due_at, WATCH.due(order)) for order in faulty.read())
    now = Timestamp.of(datetime.fromisoformat(late) + TICK)
    with patch.multiple(WATCH, orders=faulty, bus=bus), clock(now):
        WATCH.handler({}, CONTEXT)


def moment(entry: Any) -> Timestamp:
    """What the service's clock says when it hears of this order next."""
    if entry is None:
        return NOW
    now = datetime.fromisoformat(NOW) + entry.version * TICK
    due_at = getattr(entry.state, "due_at", None)
    if due_at:
        # It was asked about when half the time was over.
        opened_at = datetime.fromisoformat(entry.opened_at)
        asked_at = opened_at + (datetime.fromisoformat(due_at) - opened_at) / 2
        now = max(now, asked_at) if asked_at - opened_at >= WATCH.deadline else now
    return Timestamp.of(now)


def clocks(known: dict[UUID, Any]) -> dict[UUID, Timestamp]:
    return {order_id: moment(known.get(order_id)) for order_id in ORDER_IDS}


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


@contextmanager
def clock(moment: Timestamp) -> Iterator[None]:
    """A clock that stands still while a function runs."""
    with patch.object(Timestamp, "now", classmethod(lambda _: moment)):
        yield


class Nobody:
    """A logger that nobody reads."""

    def append_context_keys(self, **_keys: Any) -> Any:
        return nullcontext()

    def __getattr__(self, name: str) -> Any:
        return nothing


def nothing(*_: Any, **__: Any) -> None:
    pass


@contextmanager
def quiet() -> Iterator[None]:
    """No logs or metrics."""
    with ExitStack() as patches:
        for module in (service_module, DOOR, WATCH, LAST_RELEASE.kernel, LAST_RELEASE.door):
            patches.enter_context(patch.multiple(module, logger=Nobody(), count=nothing))
        yield
