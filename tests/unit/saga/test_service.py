"""A service hears, decides, records in one write, tells; and all of that again, or not at all.

It is tried with payment's reactions, on a ledger and a bus in memory.
"""

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
from saga.ledger import Conflict, Entry
from saga.serialization import Refused
from saga.service import ATTEMPTS, Service, fact

LIMIT = Amount(100)
CREATED = a(OrderCreated, amount=Amount(40))


class Steps(list[str]):
    """What ledger and bus did, in order."""


class Ledger(MemoryLedger[Payment]):
    """Records, after so many conflicts."""

    def __init__(self, steps: Steps) -> None:
        super().__init__()
        self.steps, self.conflicts = steps, 0

    def record(self, entry: Entry[Payment], before: Entry[Payment] | None) -> None:
        if self.conflicts:
            self.conflicts -= 1
            raise Conflict
        super().record(entry, before)
        self.steps.append("record")


class Bus(MemoryBus):
    """Tells, unless it is down."""

    def __init__(self, steps: Steps) -> None:
        super().__init__()
        self.steps, self.down = steps, False

    def tell(self, facts: Any) -> None:
        if self.down:
            raise NotTold("down")
        super().tell(facts)
        self.steps.append("tell")


class Tried:
    def __init__(self) -> None:
        self.steps, self.pauses = Steps(), list[float]()
        self.ledger, self.bus = Ledger(self.steps), Bus(self.steps)
        self.service = Service[Payment](
            [partial(charge, limit=LIMIT), cancel],
            self.ledger,
            self.bus,
            milestones={"CHARGED": "Charges", "CANCELLED": "Cancellations"},
            pause=self.pauses.append,
        )

    def hear(self, *events: Event, **other: Any) -> None:
        for event in events:
            self.service.hear(envelope(event, **other))

    @property
    def told(self) -> list[Event]:
        return self.bus.facts

    @property
    def payment(self) -> Payment:
        return self.ledger.entries[ORDER_ID].state


def listen(_event: StockFailed | ShipmentFail, payment: Payment | None) -> tuple[Payment, None]:
    """A reaction that tells nothing."""
    return payment or Payment(status="CANCELLED"), None


@pytest.fixture
def tried() -> Tried:
    return Tried()


# -- hear, decide, record, tell ---------------------------------------------------------------------------------------


def test_an_event_is_recorded_and_then_what_it_led_to_is_told(tried: Tried) -> None:
    tried.hear(CREATED, event_id="cause")
    assert tried.steps == ["record", "tell"]
    assert tried.payment == Payment(status="CHARGED", amount=Amount(40))
    (told,) = tried.told
    assert told == PaymentOK(
        ORDER_ID, Amount(40), timestamp=told.timestamp, metadata=Metadata(causation_id="cause", hops=1)
    )


def test_a_fact_is_as_old_as_its_record_not_as_its_cause(tried: Tried) -> None:
    before = Timestamp.now()
    tried.hear(CREATED)
    assert AT < before <= tried.told[0].timestamp <= Timestamp.now()


@pytest.mark.parametrize(("metadata", "hops"), [(None, 1), (Metadata(), 1), (Metadata(hops=HOPS_MAX - 1), HOPS_MAX)])
def test_a_fact_is_one_hop_further_than_its_cause(tried: Tried, metadata: Metadata | None, hops: int) -> None:
    tried.hear(replace(CREATED, metadata=metadata))
    assert tried.told[0].metadata == Metadata(envelope(CREATED)["id"], hops)


def test_where_nothing_changes_and_nothing_is_told_nothing_is_written() -> None:
    steps = Steps()
    ledger, bus = Ledger(steps), Bus(steps)

    service = Service[Payment]([listen], ledger, bus)
    service.hear(envelope(a(StockFailed)))
    service.hear(envelope(a(ShipmentFail)))
    assert steps == ["record"]
    assert ledger.entries[ORDER_ID].heard.keys() == {"StockFailed"}


def test_an_entry_grows_by_what_was_heard_and_told(tried: Tried) -> None:
    tried.hear(a(StockFailed), a(ShipmentFail), CREATED)
    entry = tried.ledger.entries[ORDER_ID]
    assert entry.version == 3
    assert {name: heard.told for name, heard in entry.heard.items()} == {
        "StockFailed": "PaymentCancel",
        "ShipmentFail": "PaymentCancel",
        "OrderCreated": "PaymentCancel",
    }
    assert entry.told == {"PaymentCancel": entry.opened_at}


def test_orders_are_apart(tried: Tried) -> None:
    other = UUID(int=1)
    tried.hear(CREATED, a(StockFailed, order_id=other))
    assert {order: entry.state.status for order, entry in tried.ledger.entries.items()} == {
        ORDER_ID: "CHARGED",
        other: "CANCELLED",
    }


# -- heard again ------------------------------------------------------------------------------------------------------


def test_what_is_heard_again_tells_again_what_it_told_with_metadata_of_its_own(tried: Tried) -> None:
    tried.hear(CREATED, event_id="first")
    tried.hear(replace(CREATED, metadata=Metadata(hops=7)), event_id="second")
    assert tried.steps == ["record", "tell", "tell"]
    first, second = tried.told
    assert second == replace(first, metadata=Metadata(causation_id="second", hops=8))


def test_what_told_nothing_tells_nothing_again() -> None:
    steps = Steps()
    service = Service[Payment]([listen], Ledger(steps), Bus(steps))
    for _ in range(2):
        service.hear(envelope(a(StockFailed)))
    assert steps == ["record"]


def test_one_fact_told_for_two_reasons_is_one_identical_detail(tried: Tried) -> None:
    tried.hear(CREATED, a(StockFailed), a(ShipmentFail))
    _, first, second = tried.told
    assert first == second
    assert first.name == "PaymentCancel"


def test_a_fact_says_what_is_so_by_the_time_it_is_told(tried: Tried) -> None:
    """OrderCreated delivered again after the compensation: what was told for it then is told again."""
    tried.hear(CREATED, a(StockFailed), CREATED)
    assert [told.name for told in tried.told] == ["PaymentOK", "PaymentCancel", "PaymentOK"]
    assert tried.told[0] == tried.told[2]


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
def test_of_different_words_the_first_heard_win(
    tried: Tried, logged: Logged, counted: Counted, again: Event, contradictions: int
) -> None:
    tried.hear(CREATED)
    logged(), counted()
    tried.hear(again)
    assert tried.payment.amount == Amount(40)
    assert replace(tried.told[1], metadata=None) == replace(tried.told[0], metadata=None)
    assert counted()["Contradictions"] == contradictions
    assert sum("the first ones count" in line and str(ORDER_ID) in line for line in logged()) == contradictions


def test_a_reason_in_other_words_is_a_contradiction_too(tried: Tried, counted: Counted) -> None:
    tried.hear(a(StockFailed), a(StockFailed, reason=f"not {REASON}"))
    assert counted()["Contradictions"] == 1


# -- when others write, and when things break --------------------------------------------------------------------------


@pytest.mark.parametrize("conflicts", [1, ATTEMPTS - 1])
def test_a_conflict_is_decided_anew(tried: Tried, counted: Counted, conflicts: int) -> None:
    tried.ledger.conflicts = conflicts
    tried.hear(CREATED)
    assert tried.steps == ["record", "tell"]
    assert counted()["Conflicts"] == len(tried.pauses) == conflicts


def test_conflicts_end(tried: Tried, counted: Counted) -> None:
    tried.ledger.conflicts = ATTEMPTS
    with pytest.raises(Conflict):
        tried.hear(CREATED)
    assert (tried.steps, tried.ledger.conflicts) == ([], 0)
    assert counted() == {"Conflicts": ATTEMPTS, "Failures": 1}
    assert all(0 <= pause <= 1 for pause in tried.pauses)
    assert sum(tried.pauses) < 6  # seconds, of the ten that a function has


def test_what_another_write_changed_is_decided_upon(tried: Tried, monkeypatch: pytest.MonkeyPatch) -> None:
    interleave(monkeypatch, tried.ledger, lambda: tried.hear(a(StockFailed)))
    tried.hear(CREATED)
    assert tried.payment == Payment(status="CANCELLED")
    assert [told.name for told in tried.told] == ["PaymentCancel", "PaymentCancel"]


def test_a_retry_tells_what_a_crash_left_untold(tried: Tried, logged: Logged, counted: Counted) -> None:
    tried.bus.down = True
    with pytest.raises(NotTold):
        tried.hear(CREATED)
    assert tried.steps == ["record"]
    assert counted()["Failures"] == 1
    assert json.loads(logged()[-1])["message"] == "NotTold: down"

    tried.bus.down = False
    tried.hear(CREATED)
    assert tried.steps == ["record", "tell"]
    assert tried.told[0].timestamp == tried.ledger.entries[ORDER_ID].told["PaymentOK"]


# -- refused ----------------------------------------------------------------------------------------------------------

LONE_SURROGATE = json.loads(r'"\ud800"')  # JSON can say it, UTF-8 cannot
WILD = "\x00\x1b[31m\x7f\x9b\u2028\u202e\n" * 10
WRONG = {name: [WILD] for name in detail(replace(CREATED, metadata=Metadata()))}
REFUSED = {
    "a detail-type that nobody tells": {"detail_type": "Unheard"},
    "a detail-type that is not heard here": {"detail_type": "PaymentOK", "detail": detail(a(PaymentOK))},
    "no detail-type": {"detail_type": None},
    "a detail-type that is no text": {"detail_type": {"prefix": "Order"}},
    "a source that does not own the type": {"source": "saga.payment"},
    "a source that is not ours": {"source": "my.test"},
    "no source": {"source": None},
    "an eventType that is not the detail-type": {"detail_type": "StockFailed", "source": "saga.inventory"},
    "no eventType": {"detail": detail(CREATED) | {"eventType": None}},
    "a detail that is no object": {"detail": "{}"},
    "a detail that is a list": {"detail": [detail(CREATED)]},
    "no detail": {"detail": None},
    "an empty detail": {"detail": {}},
    "an order that is none": {"detail": detail(CREATED) | {"orderId": "42"}},
    "an amount that is none": {"detail": detail(CREATED) | {"amount": float("nan")}},
    "too many hops": {"detail": detail(CREATED) | {"metadata": {"hops": HOPS_MAX + 1}}},
    "everything wrong": {"detail": WRONG, "id": WILD},
    "wild names": {"detail_type": WILD, "detail": {"orderId": WILD, WILD: WILD}, "source": WILD},
    "a name that is no Unicode": {"detail": detail(CREATED) | {"orderId": LONE_SURROGATE}},
    "wild names of many bytes": {"detail_type": "\U0001f4a9" * 999, "detail": {"orderId": "\U0001f4a9" * 999}},
}


@pytest.mark.parametrize("other", REFUSED.values(), ids=REFUSED)
def test_what_is_refused_changes_nothing(tried: Tried, logged: Logged, counted: Counted, other: dict[str, Any]) -> None:
    said = envelope(CREATED, **other)
    with pytest.raises(Refused):
        tried.service.hear(said)
    assert (tried.steps, tried.ledger.entries, tried.told) == ([], {}, [])
    assert counted() == {"Refusals": 1}
    (line,) = logged()
    log = json.loads(line)
    assert (log["level"], log["message"][:9]) == ("ERROR", "Refused: ")
    order_id = said["detail"].get("orderId") if isinstance(said["detail"], dict) else None
    for name, value in (("orderId", order_id), ("detailType", said["detail-type"])):
        escaped = str(value).encode("unicode_escape").decode()
        assert escaped.startswith(log[name]), name


@pytest.mark.parametrize("other", REFUSED.values(), ids=REFUSED)
def test_a_log_line_is_short_and_tame(tried: Tried, logged: Logged, other: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        tried.service.hear(envelope(CREATED, **other))
    (line,) = logged()
    assert len(line.encode()) < 2_000
    assert [character for character in line if not character.isprintable()] == []


def test_what_is_heard_is_logged(tried: Tried, logged: Logged) -> None:
    tried.hear(CREATED, CREATED)
    first, second = map(json.loads, logged())
    assert [first["message"], second["message"]] == ["heard", "heard again"]
    for line in (first, second):
        said = {"orderId": str(ORDER_ID), "detailType": "OrderCreated", "decided": "CHARGED", "told": "PaymentOK"}
        assert line | said == line


# -- counted ----------------------------------------------------------------------------------------------------------


def test_a_milestone_is_counted_once(tried: Tried, counted: Counted) -> None:
    tried.hear(CREATED, CREATED)
    assert counted() == {"Charges": 1}
    tried.hear(a(StockFailed), a(StockFailed), a(ShipmentFail))
    assert counted() == {"Cancellations": 1}


def test_a_milestone_is_counted_even_if_the_telling_fails(tried: Tried, counted: Counted) -> None:
    tried.bus.down = True
    for _ in range(2):
        with pytest.raises(NotTold):
            tried.hear(CREATED)
    assert counted()["Charges"] == 1


# -- learn: without an envelope, and without telling -------------------------------------------------------------------


def test_what_is_learned_is_recorded_and_not_told(tried: Tried) -> None:
    learned = tried.service.learn(CREATED, AT)
    assert (learned.told, learned.repeated, tried.steps) == ("PaymentOK", False, ["record"])
    assert learned.entry.opened_at == AT
    again = tried.service.learn(CREATED, Timestamp.now())
    assert (again.entry, again.told, again.repeated) == (learned.entry, "PaymentOK", True)


def test_a_fact_is_built_from_the_entry(tried: Tried) -> None:
    tried.service.learn(a(OrderCreated, amount=Amount(101)), AT)
    entry = tried.ledger.entries[ORDER_ID]
    assert fact(entry, PaymentFail, Metadata()) == a(
        PaymentFail, amount=Amount(101), reason="amount 101 is over the limit of 100", metadata=Metadata()
    )
    assert fact(entry, PaymentCancel, Metadata()) == a(PaymentCancel, refunded=Amount(0), metadata=Metadata())
