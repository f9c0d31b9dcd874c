"""A service hears an event, decides, records in one write, and tells; tried with payment, all of it in memory."""

import itertools
import json
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace
from support.emulation import interleave
from support.given import AT, ORDER_ID, REASON, a, detail, envelope
from support.memory import MemoryBus, MemoryLedger
from support.output import Counted, Logged

from contracts.events import OrderCreated, PaymentCancel, PaymentFail, PaymentOK, ShipmentFail, StockFailed
from contracts.values import Amount
from payment.reactions import Payment, cancel, charge
from saga.bus import NotTold
from saga.event import HOPS_MAX, Event, Metadata, Timestamp
from saga.ledger import Conflict, Entry, Throttled
from saga.serialization import Refused
from saga.service import ATTEMPTS, Service, fact

LIMIT = Amount(100)
METRICS = {"CHARGED": "Charges", "CANCELLED": "Cancellations"}
CREATED = a(OrderCreated, amount=Amount(40))


class Ledger(MemoryLedger[Payment]):
    """Raises so many conflicts, then records, and notes that it did. It counts what it is asked to recall."""

    def __init__(self, steps: list[str]) -> None:
        super().__init__()
        self.steps = steps
        self.conflicts = 0
        self.conflict = Conflict
        self.recalls = 0

    def recall(self, order_id: UUID) -> Entry[Payment] | None:
        self.recalls += 1
        return super().recall(order_id)

    def record(self, entry: Entry[Payment], before: Entry[Payment] | None) -> None:
        if self.conflicts:
            self.conflicts -= 1
            raise self.conflict
        super().record(entry, before)
        self.steps.append("record")


class Bus(MemoryBus):
    """Tells and notes that it did, unless it is down."""

    def __init__(self, steps: list[str]) -> None:
        super().__init__()
        self.steps = steps
        self.down = False

    def tell(self, facts: Any) -> None:
        if self.down:
            raise NotTold("down")
        super().tell(facts)
        self.steps.append("tell")


class PaymentService:
    """Payment in memory. `steps` has what its ledger and its bus did, in that order."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.pauses: list[float] = []
        self.ledger = Ledger(self.steps)
        self.bus = Bus(self.steps)
        self.service = Service[Payment](
            [partial(charge, limit=LIMIT), cancel],
            self.ledger,
            self.bus,
            opened_by=OrderCreated,
        )
        self.service._pause = self.pauses.append

    def hear(self, *events: Event, **other: Any) -> None:
        for event in events:
            self.service.hear(envelope(event, **other))

    @property
    def told(self) -> list[Event]:
        return self.bus.facts

    @property
    def state(self) -> Payment:
        return self.ledger.entries[ORDER_ID].state


def listen(_event: StockFailed | ShipmentFail, payment: Payment | None) -> tuple[Payment, None]:
    """A reaction that tells nothing."""
    return payment or Payment(status="CANCELLED"), None


@pytest.fixture
def payment(monkeypatch: pytest.MonkeyPatch) -> PaymentService:
    monkeypatch.setattr(Payment, "milestone", property(lambda payment: METRICS.get(payment.status)))
    return PaymentService()


# -- hear, decide, record, tell ---------------------------------------------------------------------------------------


def test_a_service_records_what_it_decides_and_then_tells_it(payment: PaymentService) -> None:
    payment.hear(CREATED, event_id="cause")
    assert payment.steps == ["record", "tell"]
    assert payment.state == Payment(status="CHARGED", amount=Amount(40), answers=CREATED.answers)
    (told,) = payment.told
    why = Metadata(causation_id="cause", hops=1, answers=CREATED.answers)
    assert told == PaymentOK(ORDER_ID, Amount(40), timestamp=told.timestamp, metadata=why)


def test_a_fact_has_the_time_of_its_record_and_not_of_its_cause(payment: PaymentService) -> None:
    before = Timestamp.now()
    payment.hear(CREATED)
    assert AT < before <= payment.told[0].timestamp <= Timestamp.now()


@pytest.mark.parametrize(("metadata", "hops"), [(None, 1), (Metadata(), 1), (Metadata(hops=HOPS_MAX - 1), HOPS_MAX)])
def test_a_fact_has_one_hop_more_than_its_cause(payment: PaymentService, metadata: Metadata | None, hops: int) -> None:
    payment.hear(replace(CREATED, metadata=metadata))
    assert payment.told[0].metadata == Metadata(envelope(CREATED)["id"], hops, CREATED.answers)


def test_a_callers_trace_is_passed_on_as_it_came(payment: PaymentService) -> None:
    traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    payment.hear(replace(CREATED, metadata=Metadata(traceparent=traceparent)))
    payment.hear(replace(CREATED, metadata=Metadata(traceparent="another's")))
    passed_on = [told.metadata.traceparent for told in payment.told if told.metadata]
    assert passed_on == [traceparent, "another's"]


def test_nothing_is_written_if_nothing_changes_and_nothing_is_told() -> None:
    steps: list[str] = []
    ledger = Ledger(steps)
    service = Service[Payment]([listen], ledger, Bus(steps))

    service.hear(envelope(a(StockFailed)))
    service.hear(envelope(a(ShipmentFail)))
    assert steps == ["record"]
    assert ledger.entries[ORDER_ID].heard.keys() == {"StockFailed"}


def test_an_entry_keeps_what_was_heard_and_told(payment: PaymentService) -> None:
    payment.hear(a(StockFailed), a(ShipmentFail), CREATED)
    entry = payment.ledger.entries[ORDER_ID]
    assert entry.version == 3
    assert {name: heard.told for name, heard in entry.heard.items()} == {
        "StockFailed": "PaymentCancel",
        "ShipmentFail": "PaymentCancel",
        "OrderCreated": "PaymentCancel",
    }
    assert entry.told == {"PaymentCancel": entry.opened_at}


def test_two_reactions_to_one_event_are_refused() -> None:
    with pytest.raises(TypeError, match="Two reactions hear StockFailed"):
        Service[Payment]([cancel, listen], Ledger([]), MemoryBus())


def test_orders_do_not_affect_each_other(payment: PaymentService) -> None:
    other = UUID(int=1)
    payment.hear(CREATED, a(StockFailed, order_id=other))
    assert {order: entry.state.status for order, entry in payment.ledger.entries.items()} == {
        ORDER_ID: "CHARGED",
        other: "CANCELLED",
    }


# -- heard again ------------------------------------------------------------------------------------------------------


def test_an_event_heard_again_tells_the_same_fact_with_new_metadata(payment: PaymentService) -> None:
    payment.hear(CREATED, event_id="first")
    payment.hear(replace(CREATED, metadata=Metadata(hops=7)), event_id="second")
    assert payment.steps == ["record", "tell", "tell"]
    first, second = payment.told
    assert second == replace(first, metadata=Metadata("second", 8, CREATED.answers))


def test_an_event_that_told_nothing_tells_nothing_when_heard_again() -> None:
    steps: list[str] = []
    service = Service[Payment]([listen], Ledger(steps), Bus(steps))
    for _ in range(2):
        service.hear(envelope(a(StockFailed)))
    assert steps == ["record"]


def test_a_fact_told_for_two_events_is_the_same_fact(payment: PaymentService) -> None:
    payment.hear(CREATED, a(StockFailed), a(ShipmentFail))
    _, first, second = payment.told
    assert first == second
    assert first.name == "PaymentCancel"


def test_an_event_heard_after_its_compensation_tells_what_it_told_before(payment: PaymentService) -> None:
    """OrderCreated delivered again after the compensation: what was told for it then is told again."""
    payment.hear(CREATED, a(StockFailed), CREATED)
    assert [told.name for told in payment.told] == ["PaymentOK", "PaymentCancel", "PaymentOK"]
    assert payment.told[0] == payment.told[2]


@pytest.mark.parametrize(
    ("again", "contradictions"),
    [
        (replace(CREATED, amount=Amount(41)), 1),
        (replace(CREATED, quantity=3), 1),
        (replace(CREATED, timestamp=Timestamp("2026-02-01T00:00:00.000Z")), 0),
        (replace(CREATED, metadata=Metadata("other", 3)), 0),
        (CREATED, 0),
    ],
)
def test_if_an_event_is_repeated_with_other_fields_the_first_ones_count(
    payment: PaymentService, logged: Logged, counted: Counted, again: Event, contradictions: int
) -> None:
    payment.hear(CREATED)
    logged()
    counted()
    payment.hear(again)
    assert payment.state.amount == Amount(40)
    assert replace(payment.told[1], metadata=None) == replace(payment.told[0], metadata=None)
    assert counted()["Contradictions"] == contradictions
    warnings = [json.loads(line) for line in logged() if "WARNING" in line]
    said = [("heard again with other fields: the first ones count", str(ORDER_ID))] * contradictions
    assert [(line["message"], line["orderId"]) for line in warnings] == said


def test_another_reason_is_a_contradiction_too(payment: PaymentService, counted: Counted) -> None:
    payment.hear(a(StockFailed), a(StockFailed, reason=f"not {REASON}"))
    assert counted()["Contradictions"] == 1


def of_old_release() -> type[Event]:
    class Parcel(Event, frozen=True):
        source = "saga.test"
        reason: str

    return Parcel


def of_new_release() -> type[Event]:
    class Parcel(Event, frozen=True):
        source = "saga.test"
        reason: str
        colour: str | None = None

    return Parcel


@pytest.mark.parametrize(
    ("heard_by", "heard_again_by"), list(itertools.permutations([of_old_release(), of_new_release()]))
)
def test_releases_that_differ_by_an_optional_field_see_no_contradiction(
    heard_by: type[Event], heard_again_by: type[Event], counted: Counted
) -> None:
    ledger = MemoryLedger[Payment]()
    detail = {"eventType": "Parcel", "orderId": str(ORDER_ID), "timestamp": AT, "reason": "late", "colour": "red"}
    for event in (heard_by, heard_again_by):
        service = Service([cancel], ledger, MemoryBus())
        service.reactions["Parcel"] = cancel
        service.hears["Parcel"] = event
        service.hear({"source": "saga.test", "detail-type": "Parcel", "detail": detail})
    assert "Contradictions" not in counted()


# -- two versions of one order ----------------------------------------------------------------------------------------

ANOTHER = replace(CREATED, quantity=3)


def of(created: OrderCreated, event: Event) -> Event:
    """The event as it follows from this version of the order."""
    return replace(event, metadata=Metadata(answers=created.answers))


def test_every_fact_says_which_version_of_the_order_it_follows_from(payment: PaymentService) -> None:
    payment.hear(CREATED, of(ANOTHER, a(StockFailed)), a(ShipmentFail))
    assert {told.answers for told in payment.told} == {CREATED.answers}


def test_the_version_is_known_from_whatever_is_heard_first(payment: PaymentService) -> None:
    payment.hear(of(CREATED, a(StockFailed)))
    assert payment.told[0].answers == CREATED.answers


def test_an_event_put_by_hand_says_nothing_of_a_version(payment: PaymentService, counted: Counted) -> None:
    payment.hear(a(StockFailed), CREATED, a(ShipmentFail))
    assert [told.answers for told in payment.told] == [None, CREATED.answers, CREATED.answers]
    assert "Contradictions" not in counted()


@pytest.mark.parametrize("version", [CREATED, ANOTHER])
def test_what_follows_from_another_version_is_a_contradiction(
    payment: PaymentService, logged: Logged, counted: Counted, version: OrderCreated
) -> None:
    payment.hear(CREATED, of(version, a(StockFailed)))
    assert payment.state.status == "CANCELLED"
    is_another = version is ANOTHER
    assert counted()["Contradictions"] == is_another
    messages = [json.loads(line)["message"] for line in logged() if "WARNING" in line]
    assert messages == ["follows from another version of the order: what is decided stays"] * is_another


# -- when others write, and when things break --------------------------------------------------------------------------


def test_the_event_that_opens_an_entry_is_recorded_without_a_read(payment: PaymentService) -> None:
    payment.hear(CREATED)
    assert (payment.steps, payment.ledger.recalls) == (["record", "tell"], 0)


@pytest.mark.parametrize(("first", "told"), [(CREATED, "PaymentOK"), (a(StockFailed), "PaymentCancel")])
def test_where_there_is_an_entry_the_refusal_of_the_write_says_so(
    payment: PaymentService, counted: Counted, first: Event, told: str
) -> None:
    payment.hear(first)
    payment.ledger.recalls = 0
    payment.hear(CREATED)
    assert [fact.name for fact in payment.told] == [told, told]
    assert (payment.ledger.recalls, payment.pauses, counted()["Conflicts"]) == (0, [], 1)


def test_any_other_event_is_decided_on_what_is_recalled(payment: PaymentService) -> None:
    payment.hear(a(StockFailed))
    assert payment.ledger.recalls == 1


@pytest.mark.parametrize("conflicts", [1, ATTEMPTS - 1])
def test_a_service_decides_again_after_a_conflict(payment: PaymentService, counted: Counted, conflicts: int) -> None:
    payment.ledger.conflicts = conflicts
    payment.hear(CREATED)
    assert payment.steps == ["record", "tell"]
    assert counted()["Conflicts"] == len(payment.pauses) == conflicts


def test_a_database_that_is_too_busy_is_counted_apart(payment: PaymentService, counted: Counted) -> None:
    payment.ledger.conflict = Throttled
    payment.ledger.conflicts = 1
    payment.hear(CREATED)
    assert counted() == {"Throttles": 1, "Charges": 1}


def test_a_service_gives_up_after_too_many_conflicts(payment: PaymentService, counted: Counted) -> None:
    payment.ledger.conflicts = ATTEMPTS
    with pytest.raises(Conflict, match="other writes came first"):
        payment.hear(CREATED)
    assert (payment.steps, payment.ledger.conflicts) == ([], 0)
    assert counted() == {"Conflicts": ATTEMPTS, "Failures": 1}
    assert all(0 <= pause <= 1 for pause in payment.pauses)
    assert sum(payment.pauses) < 6  # seconds, of the ten that a function has


def test_a_service_waits_longer_after_each_conflict(payment: PaymentService, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("time.sleep", pauses.append)
    monkeypatch.setattr("random.uniform", lambda shortest, longest: shortest + longest)
    payment.ledger.conflicts = ATTEMPTS - 1
    Service[Payment]([partial(charge, limit=LIMIT)], payment.ledger, payment.bus).hear(envelope(CREATED))
    assert pauses == [0.04, 0.08, 0.16, 0.32, 0.64, 1, 1, 1, 1]


def test_a_service_decides_on_what_another_write_has_changed(
    payment: PaymentService, monkeypatch: pytest.MonkeyPatch
) -> None:
    interleave(monkeypatch, payment.ledger, lambda: payment.hear(a(StockFailed)))
    payment.hear(CREATED)
    assert payment.state == Payment(status="CANCELLED", reason=REASON, answers=CREATED.answers)
    assert [told.name for told in payment.told] == ["PaymentCancel", "PaymentCancel"]


def test_a_retry_tells_what_was_recorded_and_not_told(
    payment: PaymentService, logged: Logged, counted: Counted
) -> None:
    payment.bus.down = True
    with pytest.raises(NotTold):
        payment.hear(CREATED)
    assert payment.steps == ["record"]
    assert counted()["Failures"] == 1
    assert json.loads(logged()[-1])["message"] == "NotTold: down"

    payment.bus.down = False
    payment.hear(CREATED)
    assert payment.steps == ["record", "tell"]
    assert payment.told[0].timestamp == payment.ledger.entries[ORDER_ID].told["PaymentOK"]


# -- refused ----------------------------------------------------------------------------------------------------------

LONE_SURROGATE = json.loads(r'"\ud800"')  # JSON can say it, UTF-8 cannot
WILD = "\x00\x1b[31m\x7f\x9b\u2028\u202e\n" * 10
WRONG = {name: [WILD] for name in detail(replace(CREATED, metadata=Metadata()))}
REFUSED = {
    "a detail-type that nobody tells": {"detail_type": "Unheard"},
    "a detail-type that is not heard here": {"detail_type": "PaymentOK", "detail": detail(a(PaymentOK))},
    "no detail-type": {"detail_type": None},
    "a detail-type that is not text": {"detail_type": {"prefix": "Order"}},
    "a source that does not tell this event": {"source": "saga.payment"},
    "an unknown source": {"source": "my.test"},
    "no source": {"source": None},
    "an eventType that is not the detail-type": {"detail_type": "StockFailed", "source": "saga.inventory"},
    "no eventType": {"detail": detail(CREATED) | {"eventType": None}},
    "a detail that is text": {"detail": "{}"},
    "a detail that is a list": {"detail": [detail(CREATED)]},
    "no detail": {"detail": None},
    "an empty detail": {"detail": {}},
    "an invalid order ID": {"detail": detail(CREATED) | {"orderId": "42"}},
    "an amount that is not a number": {"detail": detail(CREATED) | {"amount": float("nan")}},
    "too many hops": {"detail": detail(CREATED) | {"metadata": {"hops": HOPS_MAX + 1}}},
    "everything wrong": {"detail": WRONG, "id": WILD},
    "wild characters": {"detail_type": WILD, "detail": {"orderId": WILD, WILD: WILD}, "source": WILD},
    "an order ID that is not Unicode": {"detail": detail(CREATED) | {"orderId": LONE_SURROGATE}},
    "long names of many bytes": {"detail_type": "\U0001f4a9" * 999, "detail": {"orderId": "\U0001f4a9" * 999}},
}


@pytest.mark.parametrize("other", REFUSED.values(), ids=REFUSED)
def test_a_refused_event_changes_nothing(
    payment: PaymentService, logged: Logged, counted: Counted, other: dict[str, Any]
) -> None:
    said = envelope(CREATED, **other)
    with pytest.raises(Refused):
        payment.service.hear(said)
    assert (payment.steps, payment.ledger.entries, payment.told) == ([], {}, [])
    assert counted() == {"Refusals": 1}
    (line,) = logged()
    log = json.loads(line)
    assert (log["level"], log["message"][:9]) == ("ERROR", "Refused: ")
    order_id = said["detail"].get("orderId") if isinstance(said["detail"], dict) else None
    for name, value in (("orderId", order_id), ("detailType", said["detail-type"])):
        escaped = str(value).encode("unicode_escape").decode()
        assert escaped.startswith(log[name]), name


@pytest.mark.parametrize(
    ("other", "problem"),
    [
        ({"detail_type": "Unheard"}, "detail-type: not an event that this service hears"),
        ({"source": "saga.payment"}, "source: OrderCreated is told by saga.order alone"),
        ({"detail": {"eventType": "OrderCreated", "orderId": str(ORDER_ID), "productId": "apple", "quantity": 2}},
         "amount: missing; timestamp: missing"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_the_log(
    payment: PaymentService, logged: Logged, other: dict[str, Any], problem: str
) -> None:
    with pytest.raises(Refused):
        payment.hear(CREATED, **other)
    assert json.loads(logged()[-1])["message"] == f"Refused: {problem}"


def test_of_a_long_name_the_log_has_the_first_64_letters(payment: PaymentService, logged: Logged) -> None:
    with pytest.raises(Refused):
        payment.hear(CREATED, detail_type="A" * 65)
    assert json.loads(logged()[-1])["detailType"] == "A" * 64


@pytest.mark.parametrize("other", REFUSED.values(), ids=REFUSED)
def test_a_log_line_is_short_and_printable(payment: PaymentService, logged: Logged, other: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        payment.service.hear(envelope(CREATED, **other))
    (line,) = logged()
    assert len(line.encode()) < 2_000
    assert [character for character in line if not character.isprintable()] == []


def test_every_event_heard_is_logged(payment: PaymentService, logged: Logged) -> None:
    payment.hear(CREATED, CREATED)
    first, second = map(json.loads, logged())
    assert [first["message"], second["message"]] == ["heard", "heard again"]
    for line in (first, second):
        said = {"orderId": str(ORDER_ID), "detailType": "OrderCreated", "decided": "CHARGED", "told": "PaymentOK"}
        assert line | said == line


def test_a_log_line_has_the_age_of_the_order(
    payment: PaymentService, logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment.service.learn(CREATED, Timestamp("2026-01-31T12:00:00.000Z"))
    monkeypatch.setattr(Timestamp, "now", lambda: Timestamp("2026-01-31T12:01:00.250Z"))
    payment.hear(CREATED)
    assert json.loads(logged()[-1])["ageMs"] == 60_250


def test_a_line_names_the_order_as_it_is_kept_and_says_if_nothing_is_told(
    payment: PaymentService, logged: Logged
) -> None:
    written = detail(a(StockFailed)) | {"orderId": str(ORDER_ID).upper()}
    Service[Payment]([listen], payment.ledger, payment.bus).hear(envelope(a(StockFailed), detail=written))
    [line] = map(json.loads, logged())
    assert (line["orderId"], line["told"]) == (str(ORDER_ID), "nothing")


# -- counted ----------------------------------------------------------------------------------------------------------


def test_a_milestone_is_counted_once(payment: PaymentService, counted: Counted) -> None:
    payment.hear(CREATED)
    assert counted() == {"Charges": 1}
    payment.hear(a(StockFailed), a(StockFailed), a(ShipmentFail))
    assert counted() == {"Cancellations": 1}


def test_a_milestone_is_counted_even_if_telling_fails(payment: PaymentService, counted: Counted) -> None:
    payment.bus.down = True
    for _ in range(2):
        with pytest.raises(NotTold):
            payment.hear(CREATED)
    assert counted()["Charges"] == 1


# -- learn: without an envelope, and without telling -------------------------------------------------------------------


def test_learning_records_and_does_not_tell(payment: PaymentService) -> None:
    learned = payment.service.learn(CREATED, AT)
    assert (learned.told, learned.repeated, payment.steps) == ("PaymentOK", False, ["record"])
    assert learned.entry.opened_at == AT
    again = payment.service.learn(CREATED, Timestamp.now())
    assert (again.entry, again.told, again.repeated) == (learned.entry, "PaymentOK", True)


def test_an_entry_is_dated_by_when_it_was_opened(payment: PaymentService) -> None:
    dates: list[Timestamp] = []

    def dated(state: Payment, opened_at: Timestamp) -> Payment:
        dates.append(opened_at)
        return state

    service = Service([partial(charge, limit=LIMIT), cancel], payment.ledger, payment.bus, dated=dated)
    service.learn(CREATED, AT)
    service.learn(a(StockFailed), Timestamp.now())
    assert dates == [AT, AT]


def test_a_fact_takes_its_fields_from_the_entry(payment: PaymentService) -> None:
    payment.service.learn(a(OrderCreated, amount=Amount(101)), AT)
    entry = payment.ledger.entries[ORDER_ID]
    why: dict[str, Any] = {"reason": "amount 101 is over the limit of 100", "metadata": Metadata()}
    assert fact(entry, PaymentFail, Metadata()) == a(PaymentFail, amount=Amount(101), **why)
    assert fact(entry, PaymentCancel, Metadata()) == a(PaymentCancel, refunded=Amount(0), **why)
