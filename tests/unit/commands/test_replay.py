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
from sagactl.stack import journal, replay
from sagactl.stack.deployed_stack import Stack

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
    """The journal's events by order; fill it."""
    written: dict[str, list[dict[str, Any]]] = {}

    def summary(order_id: str) -> journal.Summary:
        times = [item["toldAt"] for item in written[order_id]]
        told = {item["detailType"]: item["toldAt"] for item in written[order_id]}
        return journal.Summary(order_id, "PENDING", min(times), told)

    def orders(_: Stack, *, limit: int, since: str) -> list[journal.Summary]:
        return [s for s in map(summary, written) if s.opened_at >= since][:limit]

    monkeypatch.setattr(journal, "events", lambda _, order_id: written.get(order_id, []))
    monkeypatch.setattr(journal, "orders", orders)
    monkeypatch.setattr(commands_replay, "find", lambda **_: STACK)
    return written


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Event]:
    """What was put on the bus."""
    told: list[Event] = []

    class Bus:
        def __init__(self, *_: object) -> None: ...

        def tell(self, facts: Sequence[Event]) -> None:
            told.extend(facts)

    monkeypatch.setattr(replay, "EventBridgeBus", Bus)
    monkeypatch.setattr(Stack, "client", lambda *_: None)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    monkeypatch.setattr(commands_replay, "find", lambda **_: Stack(STACK, {"BusName": "saga"}))
    return told


# -- the facts of an order


def test_each_fact_is_taken_once_as_it_was_first_told(written: dict[str, Any]) -> None:
    first, again = a(PaymentOK, metadata=Metadata("first", 1)), a(PaymentOK, metadata=Metadata("again", 5))
    created = a(OrderCreated, timestamp=later(-1))
    written[str(ORDER_ID)] = [item(again, later(2)), item(first, later(1)), item(created)]
    assert replay.facts_of(STACK, str(ORDER_ID)) == [created, first]


NO_FACTS: dict[str, dict[str, Any]] = {
    "of no known type": {"detailType": "OrderVanished"},
    "told by another service": {"source": "saga.shipping"},
    "malformed": {"detail": json.dumps(detail(a(OrderCreated)) | {"quantity": "two"})},
    "after too many hops": {"detail": json.dumps(detail(a(OrderCreated)) | {"metadata": {"hops": 17}})},
    "without fields": {"detail": "{}"},
    "no object": {"detail": "[]"},
}


@pytest.mark.parametrize("case", NO_FACTS)
def test_what_every_service_refuses_stays_in_the_journal(written: dict[str, Any], case: str) -> None:
    written[str(ORDER_ID)] = [item(a(OrderCreated), **NO_FACTS[case]), item(a(ShipmentOK))]
    assert replay.facts_of(STACK, str(ORDER_ID)) == [a(ShipmentOK)]


def test_an_order_that_the_journal_does_not_know_has_none(written: dict[str, Any]) -> None:
    assert not written
    assert replay.facts_of(STACK, OTHER) == []


# -- the facts of a period


def recent(seconds: float) -> Timestamp:
    return Timestamp.of(datetime.now(UTC) - timedelta(seconds=seconds))


def test_facts_of_a_period_come_in_the_order_of_their_time(written: dict[str, Any]) -> None:
    since = recent(40)
    mine = [a(OrderCreated, timestamp=recent(50)), a(StockReserved, timestamp=recent(30))]
    others = [a(PaymentOK, timestamp=recent(35)), a(ShipmentOK, timestamp=recent(20))]
    written |= {str(ORDER_ID): [item(event) for event in mine], OTHER: [item(event) for event in others]}
    assert replay.facts_since(STACK, since) == [others[0], mine[1], others[1]]


@pytest.mark.parametrize("hours", range(0, 24, 3))  # whenever this runs, midnight is in between for some
def test_an_order_opened_the_day_before_may_have_facts_in_the_period(written: dict[str, Any], hours: int) -> None:
    since = hours * 3600 + 60
    yesterday, later = a(OrderCreated, timestamp=recent(since + 86_390)), a(OrderFailed, timestamp=recent(since - 10))
    written[str(ORDER_ID)] = [item(yesterday), item(later)]
    assert replay.facts_since(STACK, recent(since)) == [later]


def test_too_many_orders_are_refused_not_left_out(written: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "ORDERS_MAX", 1)
    written |= {order_id: [item(a(OrderCreated, timestamp=recent(1)))] for order_id in (str(ORDER_ID), OTHER)}
    with pytest.raises(SagaError, match="More than 1 orders"):
        replay.facts_since(STACK, recent(60))


# -- saga replay


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["replay", *arguments])


def test_facts_are_put_as_they_were_told(written: dict[str, Any], told: list[Event]) -> None:
    facts = [a(OrderCreated), a(PaymentOK, timestamp=later(1), metadata=Metadata("cause", 1))]
    written[str(ORDER_ID)] = [item(fact) for fact in facts]
    said = run("--order", str(ORDER_ID).upper())
    assert (said.exit_code, said.stdout, said.stderr) == (0, "2 events put on the bus.\n", "")
    assert told == facts


def test_of_one_order_only_the_facts_since_a_time_are_put(written: dict[str, Any], told: list[Event]) -> None:
    early, late = a(OrderCreated, timestamp=recent(60)), a(PaymentOK, timestamp=recent(10))
    written[str(ORDER_ID)] = [item(early), item(late)]
    assert run("--order", str(ORDER_ID), "--since", recent(30)).exit_code == 0
    assert told == [late]


def test_a_dry_run_shows_the_facts_and_puts_none(written: dict[str, Any], told: list[Event]) -> None:
    written[str(ORDER_ID)] = [item(a(PaymentOK, metadata=Metadata("cause", 7)))]
    _, line = run("--order", str(ORDER_ID), "--dry-run").stdout.splitlines()
    assert line.split() == ["2026-01-31", "12:00:00.000", "PaymentOK", str(ORDER_ID), "7"]
    shown = json.loads(run("--order", str(ORDER_ID), "--dry-run", "--json").stdout)
    assert shown == {"put": False, "facts": [json.loads(written[str(ORDER_ID)][0]["detail"])]}
    assert told == []


def test_no_more_are_put_in_a_second_than_asked_for(
    written: dict[str, Any], told: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    written |= {f"{number}": [item(a(OrderCreated, timestamp=recent(1)))] for number in range(25)}
    assert run("--since", recent(60), "--rate", "5").exit_code == 0
    assert (len(told), pauses) == (25, [2, 2, 1])


def test_what_the_bus_refuses_is_one_line(
    written: dict[str, Any], told: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise NotTold("OrderCreated: ThrottlingException")

    monkeypatch.setattr("sagactl.stack.replay.EventBridgeBus.tell", refuse)
    written[str(ORDER_ID)] = [item(a(OrderCreated))]
    said = run("--order", str(ORDER_ID))
    assert (said.exit_code, said.stdout, told) == (1, "", [])
    assert said.stderr.startswith("error: PutEvents refuses OrderCreated: ThrottlingException. ")


BAD_USE = [
    ([], "'--since' / '--order'"),
    (["--since", "yesterday"], "'--since'"),
    (["--since", "2026-01-31T12:00:00"], "'--since'"),
    (["--since", "2020-01-31T12:00:00Z"], "'--since'"),
    (["--order", str(ORDER_ID), "--rate", "0"], "'--rate'"),
]


@pytest.mark.parametrize(("arguments", "named"), BAD_USE)
def test_bad_use_is_named(arguments: list[str], named: str) -> None:
    said = run(*arguments)
    assert (said.exit_code, said.stdout) == (2, "")
    assert named in said.stderr
