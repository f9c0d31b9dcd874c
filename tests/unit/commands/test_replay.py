"""What `saga replay` puts back on the bus, of all that a journal holds."""

import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.given import AT, ORDER_ID, a, detail
from typer.testing import CliRunner, Result

from contracts.events import OrderCreated, OrderFailed, PaymentOK, ShipmentOK, StockReserved
from saga.bus import NotTold
from saga.event import Event, Metadata, Timestamp
from sagactl.cli import app
from sagactl.commands import replay as commands_replay
from sagactl.errors import SagaError
from sagactl.stack import entries, journal, replay
from sagactl.stack.deployed_stack import Stack
from sagactl.stack.restored import Behind

OTHER = "00000000-0000-4000-8000-000000000002"
STACK: Any = None  # the journal is the tests' own


def later(seconds: float) -> Timestamp:
    return Timestamp.of(datetime.fromisoformat(AT) + timedelta(seconds=seconds))


def item(event: Event, arrived_at: str = AT, **other: Any) -> dict[str, Any]:
    """The event as the journal wrote it down, as far as replay reads it."""
    return {
        "toldAt": event.timestamp,
        "arrivedAt": arrived_at,
        "detailType": event.name,
        "source": event.source,
        "detail": json.dumps(detail(event)),
    } | other


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[dict[str, Any]]]:
    """The journal's events by order; fill it. Each was written down when it arrived."""
    written: dict[str, list[dict[str, Any]]] = {}

    def arrivals(_: Stack, since: str, limit: int) -> list[dict[str, str]]:
        found = []
        for order_id, items in written.items():
            found += [{"orderId": order_id} for item in items if item["arrivedAt"] >= since]
        return found[:limit]

    monkeypatch.setattr(journal, "events", lambda _, order_id: written.get(order_id, []))
    monkeypatch.setattr(journal, "arrivals", arrivals)
    monkeypatch.setattr(commands_replay, "find", lambda **_: STACK)
    monkeypatch.setattr(entries, "entries", lambda *_: {})
    return written


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """The entries that were put on the bus."""
    told: list[dict[str, str]] = []

    class Bus:
        def __init__(self, *_: object) -> None: ...

        def put(self, entries: Sequence[dict[str, str]]) -> None:
            told.extend(entries)

    monkeypatch.setattr(replay, "EventBridgeBus", Bus)
    monkeypatch.setattr(Stack, "client", lambda *_: None)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    monkeypatch.setattr(commands_replay, "find", lambda **_: Stack(STACK, {"BusName": "saga"}))
    return told


def facts(found: replay.Found) -> list[Event]:
    return [fact.event for fact in found.facts]


def entry(event: Event, **other: Any) -> dict[str, str]:
    """What PutEvents is given for the event."""
    told = json.dumps(detail(event) | other)
    return {"EventBusName": "saga", "Source": event.source, "DetailType": event.name, "Detail": told}


# -- the facts of an order


def test_each_fact_is_taken_once_as_it_was_first_told(written: dict[str, Any]) -> None:
    first, again = a(PaymentOK, metadata=Metadata("first", 1)), a(PaymentOK, metadata=Metadata("again", 5))
    created = a(OrderCreated, timestamp=later(-1))
    written[str(ORDER_ID)] = [item(again, later(2)), item(first, later(1)), item(created)]
    assert facts(replay.facts_of(STACK, str(ORDER_ID))) == [created, first]


# fmt: off
NO_FACTS: dict[str, tuple[dict[str, Any], str]] = {
    "of no known type": ({"detailType": "OrderVanished"}, "this checkout knows no such event"),
    "told by another service": ({"source": "saga.shipping"}, "saga.order alone tells it"),
    "malformed": ({"detail": json.dumps(detail(a(OrderCreated)) | {"quantity": "two"})}, "quantity: Expected"),
    "after too many hops": (
        {"detail": json.dumps(detail(a(OrderCreated)) | {"metadata": {"hops": 17}})}, "metadata: Expected",
    ),
    "without fields": ({"detail": "{}"}, "eventType: expected 'OrderCreated'; orderId: missing"),
    "no object": ({"detail": "[]"}, "expected an object, got list"),
}
# fmt: on


@pytest.mark.parametrize("case", NO_FACTS)
def test_what_every_service_refuses_stays_in_the_journal(written: dict[str, Any], case: str) -> None:
    change, why = NO_FACTS[case]
    written[str(ORDER_ID)] = [item(a(OrderCreated), **change), item(a(ShipmentOK))]
    found = replay.facts_of(STACK, str(ORDER_ID))
    assert facts(found) == [a(ShipmentOK)]
    [unfit] = found.left_out
    assert unfit.name == change.get("detailType", "OrderCreated")
    assert unfit.why.startswith(why)


def test_an_order_that_the_journal_does_not_know_has_none(written: dict[str, Any]) -> None:
    assert not written
    assert replay.facts_of(STACK, OTHER) == ([], [])


# -- the facts of a period


def recent(seconds: float) -> Timestamp:
    return Timestamp.of(datetime.now(UTC) - timedelta(seconds=seconds))


def arrived(event: Event) -> dict[str, Any]:
    """The event arrived when it was told."""
    return item(event, event.timestamp)


def test_facts_of_a_period_come_in_the_order_of_their_time(written: dict[str, Any]) -> None:
    since = recent(40)
    mine = [a(OrderCreated, timestamp=recent(50)), a(StockReserved, timestamp=recent(30))]
    others = [a(PaymentOK, timestamp=recent(35)), a(ShipmentOK, timestamp=recent(20))]
    written |= {str(ORDER_ID): [arrived(event) for event in mine], OTHER: [arrived(event) for event in others]}
    assert facts(replay.facts_of_period(STACK, since)) == [others[0], mine[1], others[1]]
    assert facts(replay.facts_of_period(STACK, since, recent(25))) == [others[0], mine[1]]


@pytest.mark.parametrize("days", [0, 1, 8, 60])
def test_the_order_may_have_been_opened_at_any_time_before(written: dict[str, Any], days: int) -> None:
    opened, failed = a(OrderCreated, timestamp=recent(days * 86_400 + 60)), a(OrderFailed, timestamp=recent(10))
    written[str(ORDER_ID)] = [arrived(opened), arrived(failed)]
    assert facts(replay.facts_of_period(STACK, recent(30))) == [failed]


def test_a_fact_that_was_decided_long_before_and_told_again_in_the_period_is_one_of_its_facts(
    written: dict[str, Any],
) -> None:
    decided = a(PaymentOK, timestamp=recent(86_400))
    written[str(ORDER_ID)] = [item(decided, recent(86_400)), item(decided, recent(20))]
    assert facts(replay.facts_of_period(STACK, recent(30))) == [decided]


def test_too_many_orders_are_refused_not_left_out(written: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "ORDERS_MAX", 1)
    written |= {order_id: [arrived(a(OrderCreated, timestamp=recent(1)))] for order_id in (str(ORDER_ID), OTHER)}
    with pytest.raises(SagaError, match="more than 1 orders"):
        replay.facts_of_period(STACK, recent(60))


# -- saga replay


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["replay", *arguments])


def test_facts_are_put_as_they_were_told(written: dict[str, Any], told: list[dict[str, str]]) -> None:
    events = [a(OrderCreated), a(PaymentOK, timestamp=later(1), metadata=Metadata("cause", 1))]
    written[str(ORDER_ID)] = [item(event) for event in events]
    said = run("--order", str(ORDER_ID).upper())
    assert (said.exit_code, said.stdout, said.stderr) == (0, "2 events put on the bus.\n", "")
    assert told == [entry(event) for event in events]


def test_fields_that_this_checkout_does_not_know_are_put_as_well(
    written: dict[str, Any], told: list[dict[str, str]]
) -> None:
    newer = {"giftNote": "für Zoë \N{WRAPPED PRESENT}", "half": "\ud83c"}
    kept = json.dumps(detail(a(OrderCreated)) | newer)
    written[str(ORDER_ID)] = [item(a(OrderCreated), detail=kept)]
    assert run("--order", str(ORDER_ID)).exit_code == 0
    [put] = told
    assert json.loads(put["Detail"].encode()) == json.loads(kept)


def test_what_is_left_out_is_said(written: dict[str, Any], told: list[dict[str, str]]) -> None:
    vanished = item(a(OrderCreated), detailType="OrderVanished")
    written |= {str(ORDER_ID): [vanished, item(a(ShipmentOK))], OTHER: [vanished]}
    said = run("--since", recent(60 * 86_400 * 6), "--json")
    assert said.stderr == "Left out: 2 OrderVanished: this checkout knows no such event\n"
    why = "this checkout knows no such event"
    assert json.loads(said.stdout)["leftOut"] == [{"event": "OrderVanished", "why": why, "number": 2}]
    assert len(told) == 1


@pytest.mark.parametrize(
    ("bytes_each", "sizes"),
    [(10, [10, 10, 5]), (60_000, [4] * 6 + [1]), (250_000, [1] * 25), (600_000, [1] * 25)],
)
def test_no_more_are_put_at_once_than_one_call_takes(bytes_each: int, sizes: list[int]) -> None:
    entries = [{"Detail": "\N{SLICE OF PIZZA}" * (bytes_each // 4)}] * 25
    assert [len(batch) for batch in replay.batches(entries)] == sizes


def test_of_one_order_only_the_facts_of_a_period_are_put(written: dict[str, Any], told: list[dict[str, str]]) -> None:
    events = [a(OrderCreated, timestamp=recent(60)), a(PaymentOK, timestamp=recent(30)), a(ShipmentOK)]
    written[str(ORDER_ID)] = [arrived(event) for event in events[:2]] + [item(events[2], recent(10))]
    assert run("--order", str(ORDER_ID), "--since", recent(40), "--until", recent(20)).exit_code == 0
    assert told == [entry(events[1])]


def test_a_dry_run_shows_the_facts_and_puts_none(written: dict[str, Any], told: list[dict[str, str]]) -> None:
    written[str(ORDER_ID)] = [item(a(PaymentOK, metadata=Metadata("cause", 7)))]
    _, line = run("--order", str(ORDER_ID), "--dry-run").stdout.splitlines()
    assert line.split() == ["2026-01-31", "12:00:00.000", "PaymentOK", str(ORDER_ID), "7"]
    shown = json.loads(run("--order", str(ORDER_ID), "--dry-run", "--json").stdout)
    put = [json.loads(written[str(ORDER_ID)][0]["detail"])]
    assert shown == {"put": False, "facts": put, "madeAgain": [], "leftOut": []}
    assert told == []


def test_no_more_are_put_in_a_second_than_asked_for(
    written: dict[str, Any], told: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    written |= {f"{number}": [arrived(a(OrderCreated, timestamp=recent(1)))] for number in range(25)}
    assert run("--since", recent(60), "--rate", "5").exit_code == 0
    assert (len(told), pauses) == (25, [2, 2, 1])


def test_what_the_bus_refuses_is_one_line(
    written: dict[str, Any], told: list[dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise NotTold("OrderCreated: ThrottlingException")

    monkeypatch.setattr("sagactl.stack.replay.EventBridgeBus.put", refuse)
    written[str(ORDER_ID)] = [item(a(OrderCreated))]
    said = run("--order", str(ORDER_ID))
    assert (said.exit_code, said.stdout, told) == (1, "", [])
    assert said.stderr.startswith("error: PutEvents refuses OrderCreated: ThrottlingException. ")


@pytest.fixture
def restored(monkeypatch: pytest.MonkeyPatch) -> list[Behind]:
    """What was made again of payment's table, which does not know what it told."""
    done: list[Behind] = []
    lacking = Behind("payment", ORDER_ID, ("PaymentOK",), None, None)
    monkeypatch.setattr(commands_replay, "behind", lambda *_: [lacking])
    monkeypatch.setattr(commands_replay, "make_again", lambda _, one: done.append(one))
    return done


def test_a_service_that_does_not_know_what_it_told_is_told_nothing(
    written: dict[str, Any], told: list[dict[str, str]], restored: list[Behind]
) -> None:
    written[str(ORDER_ID)] = [item(a(OrderCreated))]
    said = run("--order", str(ORDER_ID))
    assert (said.exit_code, said.stdout, told, restored) == (1, "", [], [])
    assert said.stderr.startswith(f"error: payment does not know that it told PaymentOK of {ORDER_ID}. ")


def test_what_a_table_lacks_is_made_again_first(
    written: dict[str, Any], told: list[dict[str, str]], restored: list[Behind]
) -> None:
    written[str(ORDER_ID)] = [item(a(OrderCreated))]
    said = run("--order", str(ORDER_ID), "--restored", "--json")
    made = {"service": "payment", "orderId": str(ORDER_ID), "events": ["PaymentOK"]}
    assert json.loads(said.stdout)["madeAgain"] == [made]
    assert (len(told), len(restored)) == (1, 1)
    assert said.stderr == "1 item made again.\n"


def test_a_dry_run_makes_nothing_again(
    written: dict[str, Any], told: list[dict[str, str]], restored: list[Behind]
) -> None:
    written[str(ORDER_ID)] = [item(a(OrderCreated))]
    said = run("--order", str(ORDER_ID), "--dry-run")
    assert (said.exit_code, told, restored) == (0, [], [])
    assert said.stderr == "1 item to be made again.\n"


BAD_USE = [
    ([], "'--since' / '--order'"),
    (["--since", "yesterday"], "'--since'"),
    (["--since", "2026-01-31T12:00:00"], "'--since'"),
    (["--since", "2020-01-31T12:00:00Z"], "'--since'"),
    (["--order", str(ORDER_ID), "--rate", "0"], "'--rate'"),
    (["--order", str(ORDER_ID), "--until", "tomorrow"], "'--until'"),
    (["--since", recent(10), "--until", recent(20)], "'--until'"),
]


@pytest.mark.parametrize(("arguments", "named"), BAD_USE)
def test_bad_use_is_named(arguments: list[str], named: str) -> None:
    said = run(*arguments)
    assert (said.exit_code, said.stdout) == (2, "")
    assert named in said.stderr
