"""Replaying facts from the journal makes up for what was lost, and changes nothing else."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from support.driver import WAYS, Saga, deaf, order_created

from contracts.events import OrderExpired
from saga.event import Event, Timestamp
from sagactl.stack import audit, entries, journal
from sagactl.stack.deployed_stack import Stack

type Facts = list[dict[str, Any]]


@pytest.fixture(scope="module")
def since() -> str:
    return datetime.now(UTC).isoformat()


@pytest.fixture(scope="module")
def finished(saga: Saga, since: str) -> list[str]:  # noqa: ARG001  # not before
    """Ids of orders that went each way, and of which nothing more is told."""
    ways = ("completed", "shipment_failed", "stock_failed", "payment_failed")
    events = [order_created(WAYS[name]) for name in ways]
    ids = [str(event.order_id) for event in events]
    saga.tell(*events)
    for order_id in ids:
        saga.close(order_id)
    quiet(saga, ids)
    return ids


def test_a_dry_run_shows_each_fact_once_and_puts_none(
    saga: Saga, stack: Stack, finished: list[str], since: str
) -> None:
    timelines = {order_id: journal.timeline(stack, order_id) for order_id in finished}
    facts = replay(saga, "--since", since, "--dry-run")
    assert [fact["timestamp"] for fact in facts] == sorted(fact["timestamp"] for fact in facts)
    for order_id, timeline in timelines.items():
        names = [fact["eventType"] for fact in facts if fact["orderId"] == order_id]
        assert sorted(names) == sorted({told.name for told in timeline})
    assert {order_id: journal.timeline(stack, order_id) for order_id in finished} == timelines


def test_where_nothing_was_lost_replay_changes_nothing(saga: Saga, finished: list[str], since: str) -> None:
    before = saga.tables()
    facts = replay(saga, "--since", since)
    assert {fact["orderId"] for fact in facts} >= set(finished)
    timelines = quiet(saga, finished)
    assert saga.tables() == before
    for timeline in timelines:
        assert [told.name for told in timeline].count("OrderCreated") == 2


def test_a_loss_is_healed_and_a_healed_one_stays_as_it_is(saga: Saga, stack: Stack) -> None:
    lost = order_created()
    expired = order_created()
    ids = [str(event.order_id) for event in (lost, expired)]
    with deaf(stack, "shipping"):
        saga.tell(lost, expired)
        for order_id in ids:
            saga.told(order_id, "PaymentOK")
            saga.told(order_id, "StockReserved")
    saga.tell(expiry(expired))
    assert saga.close(ids[1])["status"] == "FAILED"
    assert saga.items(ids[0])["shipping"] is None

    for order_id in ids:
        replay(saga, "--order", order_id)
    assert saga.close(ids[0])["status"] == "COMPLETED"
    quiet(saga, ids)
    assert entries.state_of(stack, "order", ids[1]).status == "FAILED"
    assert audit.audit(stack, ids, audit.stock(stack)) == []


def test_a_table_of_an_earlier_moment_is_made_again_first(saga: Saga, stack: Stack) -> None:
    """Shipping has forgotten that it shipped; OrderExpired, which came too late then, is heard first now."""
    event = order_created()
    order_id = str(event.order_id)
    saga.tell(event)
    assert saga.close(order_id)["status"] == "COMPLETED"
    saga.tell(expiry(event))
    saga.quiet(order_id)
    key = {"orderId": {"S": order_id}}
    stack.client("dynamodb").delete_item(TableName=stack.table("shipping"), Key=key)

    refused = saga.run("replay", "--order", order_id)
    assert refused.exit_code == 1
    assert "shipping does not know that it told ShipmentOK" in refused.stderr

    replay(saga, "--order", order_id, "--restored")
    saga.quiet(order_id)
    assert entries.state_of(stack, "shipping", order_id).status == "SHIPPED"
    assert entries.state_of(stack, "payment", order_id).status == "CHARGED"
    assert audit.audit(stack, [order_id], audit.stock(stack)) == []


def replay(saga: Saga, *arguments: str) -> Facts:
    answer = saga.run("replay", "--json", *arguments)
    assert answer.exit_code == 0, answer.output
    facts: Facts = json.loads(answer.stdout)["facts"]
    return facts


def quiet(saga: Saga, ids: list[str]) -> list[list[journal.Told]]:
    """The timelines once nothing is added to any."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(saga.quiet, ids))


def expiry(event: Event) -> OrderExpired:
    return OrderExpired(event.order_id, timestamp=Timestamp.now())
