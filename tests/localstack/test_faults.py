"""Faults that the deployed saga survives: repeated, malformed and lost events, a journal that is down."""

import itertools
import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from support.driver import WAYS, Saga, eventually, order_created

from contracts.events import OrderCreated
from order.reactions import Order
from saga.dynamodb import DynamoLedger
from saga.event import Timestamp
from saga.ledger import Entry
from saga.serialization import to_json
from sagactl.design.ways import PRODUCT
from sagactl.stack import api, audit, journal
from sagactl.stack.dead_letters import Failure
from sagactl.stack.deployed_stack import Stack

WANTED = {"productId": PRODUCT, "quantity": 2, "amount": 1000}


def test_every_fact_told_twice_changes_nothing(saga: Saga, stack: Stack) -> None:
    event = order_created()
    order_id = str(event.order_id)
    saga.tell(event, event)
    saga.close(order_id)
    saga.told(order_id, "ShipmentOK")
    before = saga.items(order_id)

    entries = facts(stack, order_id)
    saga.put(list(itertools.chain.from_iterable(zip(entries, entries, strict=True))))

    saga.quiet(order_id)
    assert saga.items(order_id) == before


def test_a_repeated_fact_with_other_fields_changes_nothing_and_is_logged(saga: Saga) -> None:
    event = order_created(WAYS["completed"]._replace(quantity=3))
    order_id = str(event.order_id)
    saga.tell(event)
    saga.close(order_id)
    before = saga.items(order_id)

    saga.tell(OrderCreated(event.order_id, PRODUCT, 4, event.amount, timestamp=event.timestamp))

    for service in ("order", "payment", "inventory"):
        line = saga.log(service, "the first ones count")
        assert order_id in line
    assert saga.items(order_id) == before


def test_a_repeated_post_is_the_same_order(saga: Saga, stack: Stack) -> None:
    key = f"key {uuid.uuid4()}"
    first = api.place_order(stack, WANTED, key)
    closed = saga.close(first["orderId"])
    again = api.place_order(stack, WANTED, key)
    assert again == {"orderId": first["orderId"], "status": closed["status"]}
    assert [told.name for told in saga.quiet(first["orderId"])].count("OrderCreated") == 1

    url = f"{stack.api_url}/orders"
    other = httpx.post(url, json=WANTED | {"quantity": 3}, headers={"Idempotency-Key": key}, trust_env=False)
    assert (other.status_code, other.json()["problems"]) == (409, ["Idempotency-Key: already used with another body"])


POISON: dict[str, tuple[dict[str, Any], str]] = {
    "wrong shape": ({"Detail": {"quantity": "two", "amount": -1}}, "quantity: Expected `int`, got `str`; amount: "),
    "eventType is another": ({"Detail": {"eventType": "PaymentOK"}}, "eventType: expected 'OrderCreated'"),
    "too many hops": ({"Detail": {"metadata": {"hops": 17}}}, "metadata: Expected `int` <= 16"),
}


@pytest.fixture(scope="module")
def poisoned(saga: Saga) -> dict[str, str]:
    """The order ID of each malformed event, all of which are put at once."""
    ids = {}
    for name, (change, _) in POISON.items():
        event = order_created()
        ids[name] = str(event.order_id)
        detail = json.loads(to_json(event)) | change.get("Detail", {})
        entry = {"Source": event.source, "DetailType": event.name} | change | {"Detail": json.dumps(detail)}
        saga.put([entry])
    return ids


@pytest.mark.parametrize("poison", POISON)
def test_poison_ends_in_the_dead_letter_queue_with_its_error(saga: Saga, poisoned: dict[str, str], poison: str) -> None:
    order_id = poisoned[poison]
    why = POISON[poison][1]
    letter = saga.dead_letter(order_id)
    assert (letter.failure.is_poison, letter.attempts) == (True, 3)
    assert why in letter.failure.message
    assert letter.event["detail"]["orderId"] == order_id
    assert not any(saga.items(order_id).values())
    assert why in saga.log("order", order_id)


STRAYS = {
    "told by another service": ({"Source": "saga.shipping"}, "source: OrderCreated is told by saga.order alone"),
    "told by nobody": ({"DetailType": "OrderCreate"}, "detail-type: no service tells OrderCreate"),
}


@pytest.mark.parametrize(("change", "why"), STRAYS.values(), ids=STRAYS)
def test_a_stray_is_a_dead_letter_at_once(saga: Saga, change: dict[str, str], why: str) -> None:
    event = order_created()
    entry = {"Source": event.source, "DetailType": event.name, "Detail": to_json(event).decode()}
    saga.put([entry | change])
    letter = saga.dead_letter(str(event.order_id))
    assert (letter.failure, letter.function, letter.attempts) == (Failure("Refused", why), None, None)
    assert not any(saga.items(str(event.order_id)).values())


def test_a_lost_event_is_healed_by_the_watchdog(saga: Saga, stack: Stack) -> None:
    event = order_created()
    order = Order(status="PENDING", open_shard=1, product_id=PRODUCT, quantity=2, amount=event.amount)
    opened_at = Timestamp.parse(
        (datetime.now(UTC) - timedelta(seconds=330)).isoformat()
    )  # a deadline and a half minute
    ledger = DynamoLedger(stack.client("dynamodb"), stack.table("order"), Order)
    ledger.record(Entry(event.order_id, 1, opened_at, order, {}, {}), None)  # of release 1.0, without a due time

    asked = saga.run("expire", "--undated", "--json")
    assert asked.exit_code == 0, asked.output
    assert json.loads(asked.stdout)["dated"] == 1

    closed = saga.close(str(event.order_id))
    assert (closed["status"], closed["reason"]) == ("FAILED", "the order expired")
    assert audit.audit(stack, [str(event.order_id)], audit.stock(stack)) == []


def test_without_the_journal_every_order_closes_and_it_catches_up(saga: Saga, stack: Stack) -> None:
    functions = stack.client("lambda")
    [mapping] = functions.list_event_source_mappings(FunctionName="saga-journal")["EventSourceMappings"]
    switch(functions, mapping["UUID"], on=False)
    try:
        order_id = eventually(lambda: closed_without_the_journal(saga, stack), "the journal reads nothing more")
    finally:
        switch(functions, mapping["UUID"], on=True)
    assert {told.name for told in saga.told(order_id, "ShipmentOK")} >= {"OrderCreated", "ShipmentOK"}


def closed_without_the_journal(saga: Saga, stack: Stack) -> str | None:
    """Returns an order's ID, or None if the journal read of it, because a look into its queue had begun before."""
    event = order_created()
    saga.tell(event)
    assert saga.close(str(event.order_id))["status"] == "COMPLETED"
    return None if journal.timeline(stack, str(event.order_id)) else str(event.order_id)


def switch(functions: Any, mapping: str, *, on: bool) -> None:
    functions.update_event_source_mapping(UUID=mapping, Enabled=on)
    state = "Enabled" if on else "Disabled"
    eventually(lambda: functions.get_event_source_mapping(UUID=mapping)["State"] == state or None, state)


def facts(stack: Stack, order_id: str) -> list[dict[str, str]]:
    """Every event of the order that the journal has, as it was put on the bus."""
    query: dict[str, Any] = {
        "KeyConditionExpression": "orderId = :id AND sort < :summary",
        "ExpressionAttributeValues": {":id": {"S": order_id}, ":summary": {"S": "summary"}},
    }
    items = stack.client("dynamodb").query(TableName=stack.outputs["JournalTable"], **query)["Items"]
    return [
        {"Source": item["source"]["S"], "DetailType": item["detailType"]["S"], "Detail": item["detail"]["S"]}
        for item in items
    ]
