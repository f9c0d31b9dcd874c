"""`saga trace`: what it makes of what the journal and the services' tables have."""

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from support.given import ORDER_ID, a, detail
from typer.testing import CliRunner, Result

from contracts.events import EVENTS
from contracts.values import Amount
from inventory.reactions import Reservation
from order.reactions import Order
from payment.reactions import Payment
from saga.event import Metadata, Timestamp
from saga.ledger import Entry, Heard, State
from sagactl.cli import app
from sagactl.commands import trace as commands_trace
from sagactl.stack import aws, entries, journal
from sagactl.stack.deployed_stack import Stack
from shipping.reactions import Shipment

STACK = Stack(aws.Target(None), {})
ID = str(ORDER_ID)
CREATED = ("OrderCreated", 0, None)
type Events = list[tuple[str, int, str | None]]


def at(ms: int) -> Timestamp:
    return Timestamp(f"2026-01-31T12:00:00.{ms:03}Z")


def item(name: str, ms: int, cause: str | None = None, event_id: str = "", **other: Any) -> dict[str, Any]:
    """An event as the journal has it; it arrived 5 ms after it was told, under its own name if no id is given."""
    event = a(EVENTS[name], order_id=ORDER_ID, timestamp=at(ms), metadata=Metadata(cause) if cause else None)
    fields = {"toldAt": at(ms), "arrivedAt": at(ms + 5), "eventId": event_id or name, "detailType": name}
    found = {"source": event.source, "detail": json.dumps(detail(event))} | fields | other
    return found | {"sort": f"{found['toldAt']}#{found['eventId']}"}


def entry(state: State, heard: str, **told: int) -> Entry[Any]:
    kept = {name: Heard("0a1b2c3d", None) for name in heard.split()}
    return Entry(ORDER_ID, 1, at(1), state, kept, {name: at(ms) for name, ms in told.items()})


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Says what the journal and the services' tables have of the order."""

    def known(*items: dict[str, Any], **recorded: Entry[Any]) -> None:
        found = dict.fromkeys(("order", "payment", "inventory", "shipping")) | recorded
        monkeypatch.setattr(journal, "events", lambda *_: list(items))
        monkeypatch.setattr(entries, "entries", lambda *_: found)
        monkeypatch.setattr(commands_trace, "find", lambda **_: STACK)

    return known


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["trace", ID, *arguments])


def story() -> Any:
    answer = run("--json")
    assert answer.exit_code == 0, answer.output
    return json.loads(answer.stdout)


REFUSED = (
    item("OrderCreated", 0),
    item("StockReserved", 30, "OrderCreated"),
    item("PaymentOK", 95, "OrderCreated"),
    item("ShipmentFail", 180, "PaymentOK"),
    item("PaymentCancel", 290, "ShipmentFail"),
    item("StockRelease", 225, "ShipmentFail"),
    item("OrderFailed", 670, "PaymentCancel"),
)
FAILED = {"order": entry(Order(status="FAILED", amount=Amount("49.9"), reason="a reason"), "OrderCreated")}


# -- the timeline


def test_every_event_names_its_teller_its_cause_the_time_since_and_who_hears_it(known: Any) -> None:
    known(*REFUSED, **FAILED)
    told = {event["name"]: event for event in story()["events"]}
    assert list(told) == [
        "OrderCreated",
        "StockReserved",
        "PaymentOK",
        "ShipmentFail",
        "StockRelease",
        "PaymentCancel",
        "OrderFailed",
    ]
    cancel = told["PaymentCancel"]
    assert (cancel["toldBy"], cancel["cause"], cancel["heardBy"]) == ("payment", "ShipmentFail", ["order"])
    assert (cancel["sinceFirstMs"], cancel["sinceCauseMs"]) == (290, 110)
    assert (told["OrderCreated"]["sinceCauseMs"], told["OrderFailed"]["heardBy"]) == (None, ["order"])
    lines = [line.split() for line in run().stdout.splitlines()]
    assert ["290", "PaymentCancel", "payment", "ShipmentFail", "110", "order"] in lines


def test_a_fact_told_again_is_shown_as_such_when_it_arrived(known: Any) -> None:
    again = item("PaymentOK", 95, "second", event_id="again", arrivedAt=at(400))
    known(item("OrderCreated", 0), item("PaymentOK", 95, "OrderCreated"), again, item("ShipmentOK", 300, "PaymentOK"))
    events = story()["events"]
    shown = [(event["name"], event["isRepeat"], event["sinceFirstMs"]) for event in events]
    assert shown == [
        ("OrderCreated", False, 0),
        ("PaymentOK", False, 95),
        ("ShipmentOK", False, 300),
        ("PaymentOK", True, 400),
    ]
    assert events[-1]["cause"] is None  # what the journal has not
    assert "PaymentOK again" in run().stdout


def test_the_tree_shows_what_led_to_what(known: Any) -> None:
    known(*REFUSED, **FAILED)
    shown = run().stdout
    tree = shown[shown.index("What led to what") :].split("\n\n")[0].splitlines()
    assert [line.strip("│├└─ ").split()[0] for line in tree[1:]] == [
        "OrderCreated",
        "StockReserved",
        "PaymentOK",
        "ShipmentFail",
        "StockRelease",
        "PaymentCancel",
        "OrderFailed",
    ]
    depths = [len(line) - len(line.lstrip("│├└─ ")) for line in tree[1:]]
    assert depths == [4, 8, 8, 12, 16, 16, 20]


def test_events_that_claim_to_cause_each_other_are_shown_once(known: Any) -> None:
    known(
        item("PaymentOK", 1, "StockReserved"),
        item("StockReserved", 2, "PaymentOK"),
        item("ShipmentOK", 3, "ShipmentOK"),
    )
    shown = run().stdout
    tree = shown[shown.index("What led to what") :].split("\n\n")[0]
    assert [tree.count(name) for name in ("PaymentOK", "StockReserved", "ShipmentOK")] == [1, 1, 1]


# -- what an open order waits for

PENDING = Order(status="PENDING", open_shard=0)
FAILING = Order(status="FAILING", open_shard=0, payment_settled=True, reason="a reason")
WAITING = Shipment(status="WAITING", paid=True)
CREATED_ITEM = item("OrderCreated", 0)

WAITS: dict[str, tuple[tuple[dict[str, Any], ...], dict[str, Entry[Any]], list[tuple[str, str]]]] = {
    # what has happened: the journal, the tables, what is waited for and since when
    "an event is not heard": (
        (CREATED_ITEM, item("PaymentOK", 10, "OrderCreated")),
        {
            "order": entry(PENDING, "OrderCreated"),
            "payment": entry(Payment(status="CHARGED"), "OrderCreated", PaymentOK=10),
            "shipping": entry(WAITING, "PaymentOK"),
        },
        [("inventory has not heard OrderCreated", at(5))],
    ),
    "nothing is to be recorded of it": (
        (CREATED_ITEM, item("PaymentOK", 10, "OrderCreated")),
        {
            "order": entry(PENDING, "OrderCreated"),
            "payment": entry(Payment(status="CHARGED"), "OrderCreated", PaymentOK=10),
            "inventory": entry(Reservation(status="RESERVED"), "OrderCreated"),
            "shipping": entry(WAITING, "PaymentOK"),
        },
        [("nobody has told StockReserved", at(15))],
    ),
    "a fact is decided and not told": (
        (CREATED_ITEM,),
        {
            "order": entry(PENDING, "OrderCreated"),
            "payment": entry(Payment(status="CHARGED"), "OrderCreated", PaymentOK=10),
            "inventory": entry(Reservation(status="RESERVED"), "OrderCreated", StockReserved=20),
        },
        [
            ("PaymentOK, which payment decided, has not reached the journal", at(10)),
            ("StockReserved, which inventory decided, has not reached the journal", at(20)),
        ],
    ),
    "the order is recorded and not told": (
        (),
        {"order": entry(PENDING, "OrderCreated")},
        [("OrderCreated, which order decided, has not reached the journal", at(1))],
    ),
    "an event was put by hand and nothing else": (
        (item("PaymentOK", 10),),
        {"order": entry(PENDING, "PaymentOK"), "shipping": entry(WAITING, "PaymentOK")},
        [("nobody has told StockReserved", at(15))],
    ),
    "a compensation is missing": (
        (CREATED_ITEM, item("PaymentFail", 10), item("ShipmentFail", 20)),
        {
            "order": entry(FAILING, "OrderCreated PaymentFail"),
            "payment": entry(Payment(status="DECLINED"), "OrderCreated ShipmentFail"),
            "inventory": entry(Reservation(status="RELEASED"), "OrderCreated PaymentFail ShipmentFail"),
        },
        [("nobody has told StockFailed or StockRelease", at(25))],
    ),
    "the order is closed": (REFUSED, FAILED, []),
}


@pytest.mark.parametrize("case", WAITS)
def test_an_open_order_says_what_it_waits_for_and_since_when(known: Any, case: str) -> None:
    items, entries, waits = WAITS[case]
    known(*items, **entries)
    assert [(wait["what"], wait["since"]) for wait in story()["waits"]] == waits
    shown = run().stdout
    for what, _ in waits:
        assert f"Waits: {what}, for " in shown


# -- the end state


def test_what_each_service_recorded_is_shown(known: Any) -> None:
    known(*REFUSED, **FAILED)
    states = story()["states"]
    assert states["order"] == {"status": "FAILED", "amount": 49.9, "reason": "a reason"}
    assert states["payment"] is None
    lines = [line.split() for line in run().stdout.splitlines()]
    assert ["order", "FAILED", "amount", "49.9,", "reason", "a", "reason"] in lines
    assert ["payment", "-", "has", "not", "heard", "of", "it"] in lines


# -- Mermaid


def test_mermaid_has_an_arrow_for_every_hearer(known: Any) -> None:
    known(*REFUSED, **FAILED)
    lines = [line.strip() for line in run("--mermaid").stdout.splitlines()]
    assert lines[:5] == [
        "sequenceDiagram",
        *(f"participant {s}" for s in ("order", "payment", "inventory", "shipping")),
    ]
    assert {"order->>payment: OrderCreated", "order->>inventory: OrderCreated"} <= set(lines)
    assert lines[-2:] == ["Note over order: OrderFailed", "Note over order: FAILED"]


# -- what is put by hand may say anything

WILD = "[/red]\x1b[2J\n:cat: end participant x"


def test_whatever_an_event_says_is_shown_as_it_is_and_is_no_language(known: Any) -> None:
    strange = item("OrderCreated", 0) | {"detailType": WILD, "source": WILD, "detail": '{"metadata": "NaN", "x": NaN}'}
    known(strange, item("PaymentOK", 1) | {"detail": "[" * 100_000})
    assert story()["events"][0]["detail"] == {"metadata": "NaN", "x": "NaN"}
    assert "\x1b" not in run().stdout
    lines = run("--mermaid").stdout.splitlines()
    assert "    participant __red___2J__cat__end_participant_x" in lines
    assert all(line == "sequenceDiagram" or line.startswith("    ") for line in lines)


@pytest.mark.parametrize(
    ("order", "why"),
    [
        (
            "mine",
            "'mine' is not a valid ID. Give it whole, or at least its first 6 characters; to list them: saga orders.",
        ),
        (ID, f"There is no order {ID}. List the orders: saga orders."),
        (ID.upper(), f"There is no order {ID}. List the orders: saga orders."),
        (ID[:8], f"No order among the newest 1,000 has an ID that starts with '{ID[:8]}'. List them: saga orders."),
    ],
)
def test_an_unknown_order_is_one_line(known: Any, order: str, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    known()
    monkeypatch.setattr(journal, "orders", lambda *_, **__: [])
    ran = CliRunner().invoke(app, ["trace", order])
    assert (ran.exit_code, ran.stdout, ran.stderr) == (1, "", f"error: {why}\n")


@pytest.mark.parametrize("written", [uuid.UUID(ID).hex.upper(), ID[:8]])
def test_an_id_is_known_however_it_is_written(known: Any, written: str, monkeypatch: pytest.MonkeyPatch) -> None:
    known(*REFUSED)
    monkeypatch.setattr(journal, "orders", lambda *_, **__: [journal.Summary(ID, "FAILED", "", {})])
    ran = CliRunner().invoke(app, ["trace", written, "--json"])
    assert json.loads(ran.stdout)["orderId"] == ID
