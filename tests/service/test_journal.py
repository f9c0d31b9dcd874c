"""The journal as SQS invokes it: every event is written down once, in whatever order and however often it comes."""

import itertools
import json
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import boto3
import pytest
from boto3.dynamodb.conditions import Key
from support.emulation import Function
from support.given import a, envelope
from support.output import Logged

from contracts.events import EVENTS, OrderCreated, PaymentOK, ShipmentOK, StockReserved
from journal.items import SUMMARY, shards
from saga.event import Event, Timestamp
from sagactl.local.functions import CONTEXT, environment

SENT_MS = 1_769_861_000_123
TIMES: dict[type[Event], Timestamp] = {
    OrderCreated: Timestamp("2026-01-31T23:59:59.990Z"),
    PaymentOK: Timestamp("2026-02-01T00:00:00.010Z"),
    StockReserved: Timestamp("2026-02-01T00:00:00.020Z"),
    ShipmentOK: Timestamp("2026-02-01T00:00:00.030Z"),
}


def record(body: Any, message_id: str = "m1") -> dict[str, Any]:
    text = body if isinstance(body, str) else json.dumps(body)
    return {
        "messageId": message_id,
        "receiptHandle": "r1",
        "body": text,
        "attributes": {"SentTimestamp": str(SENT_MS), "ApproximateReceiveCount": "1"},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:JournalQueue",
        "awsRegion": "us-east-1",
    }


class Journal:
    def __init__(self, app: Any) -> None:
        self.app = app
        self.table = boto3.resource("dynamodb").Table(environment("journal.app")["TABLE_NAME"])

    def write(self, *records: dict[str, Any]) -> list[str]:
        """Gives the ids of the messages that go back to the queue."""
        failures = self.app.handler({"Records": list(records)}, CONTEXT)["batchItemFailures"]
        return [failure["itemIdentifier"] for failure in failures]

    def items(self, order_id: UUID) -> list[dict[str, Any]]:
        """The order's events, and then its summary."""
        items: list[dict[str, Any]] = self.table.query(KeyConditionExpression=Key("orderId").eq(str(order_id)))["Items"]
        return items

    def listed(self, index: str, key: str, prefix: str) -> list[dict[str, Any]]:
        """What an index has under all shards of a key."""
        queries = [self.table.query(IndexName=index, KeyConditionExpression=Key(key).eq(k)) for k in shards(prefix)]
        return list(itertools.chain.from_iterable(query["Items"] for query in queries))


@pytest.fixture
def journal(function: Function) -> Journal:
    return Journal(function("journal.app"))


@pytest.fixture
def story() -> list[dict[str, Any]]:
    """One order's envelopes, as they were told."""
    order_id = uuid4()
    events = [a(event, order_id=order_id, timestamp=at) for event, at in TIMES.items()]
    return [envelope(event, event_id=f"{order_id}-{number}") for number, event in enumerate(events)]


def order_of(story: list[dict[str, Any]]) -> UUID:
    return UUID(story[0]["detail"]["orderId"])


def test_a_batch_is_written_down(journal: Journal, story: list[dict[str, Any]]) -> None:
    assert journal.write(*[record(said, f"m{n}") for n, said in enumerate(story)]) == []
    *events, summary = journal.items(order_of(story))
    assert [event["detailType"] for event in events] == [event.name for event in TIMES]
    assert [json.loads(event["detail"]) for event in events] == [said["detail"] for said in story]
    assert summary["sort"] == SUMMARY
    assert {event.name: summary[event.name] for event in TIMES} == {e.name: at for e, at in TIMES.items()}
    assert summary["opened"] == f"{TIMES[OrderCreated]}#{order_of(story)}"


def test_an_order_is_listed_by_its_state_and_its_events_by_the_day_they_arrived(
    journal: Journal, story: list[dict[str, Any]]
) -> None:
    journal.write(*map(record, story))
    order_id = str(order_of(story))
    listed = [item for item in journal.listed("orders", "stateShard", "COMPLETED") if item["orderId"] == order_id]
    assert [item["sort"] for item in listed] == [SUMMARY]
    arrived = [item for item in journal.listed("arrivals", "dayShard", "2026-01-31") if item["orderId"] == order_id]
    assert [item["detailType"] for item in arrived] == [event.name for event in TIMES]


STATES: list[tuple[str, str]] = [
    # what was told                                               the order's state
    ("OrderCreated",                                              "PENDING"),
    ("OrderCreated PaymentOK StockReserved",                      "PENDING"),
    ("OrderCreated OrderExpired",                                 "PENDING"),
    ("OrderCreated PaymentFail",                                  "FAILING"),
    ("OrderCreated StockFailed",                                  "FAILING"),
    ("OrderCreated PaymentOK ShipmentFail",                       "FAILING"),
    ("PaymentCancel",                                             "FAILING"),
    ("StockRelease",                                              "FAILING"),
    ("OrderCreated PaymentFail StockRelease OrderFailed",         "FAILED"),
    ("OrderFailed",                                               "FAILED"),
    ("OrderCreated PaymentOK StockReserved ShipmentOK",           "COMPLETED"),
    ("ShipmentOK",                                                "COMPLETED"),
    ("OrderFailed ShipmentOK StockFailed",                        "COMPLETED"),  # which anybody may put
]  # fmt: skip


@pytest.mark.parametrize(("told", "state"), STATES)
def test_a_summary_knows_the_state_in_whatever_order_events_arrive(journal: Journal, told: str, state: str) -> None:
    for arriving in itertools.permutations(told.split()):
        order_id = uuid4()
        for name in (*arriving, arriving[0]):
            journal.write(record(envelope(a(EVENTS[name], order_id=order_id), event_id=name)))
        *_, summary = journal.items(order_id)
        assert summary["stateShard"].split("#")[0] == state


def test_writing_twice_leaves_what_writing_once_does(journal: Journal, story: list[dict[str, Any]]) -> None:
    journal.write(*map(record, story))
    once = journal.items(order_of(story))
    journal.write(*map(record, story), *map(record, story))
    assert journal.items(order_of(story)) == once


def test_a_fact_told_again_is_another_event_and_changes_no_summary(
    journal: Journal, story: list[dict[str, Any]]
) -> None:
    journal.write(*map(record, story))
    *events, summary = journal.items(order_of(story))
    journal.write(record(story[1] | {"id": "told-again"}))
    *more, still = journal.items(order_of(story))
    assert len(more) == len(events) + 1
    assert still == summary


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
def test_events_may_arrive_in_any_order(journal: Journal, story: list[dict[str, Any]], order: tuple[int, ...]) -> None:
    for number in order:
        journal.write(record(story[number]))
    *events, summary = journal.items(order_of(story))
    assert [event["eventId"] for event in events] == [said["id"] for said in story[:3]]
    assert summary["opened"] == f"{TIMES[OrderCreated]}#{order_of(story)}"


MALFORMED = {
    "no JSON": "event",
    "no object": "[]",
    "no detail": {"id": "1", "detail-type": "OrderCreated", "source": "saga.order"},
    "a detail that is no object": envelope(a(OrderCreated), detail="{}"),
    "no order": envelope(a(OrderCreated), detail={}),
    "an order id beyond DynamoDB's keys": envelope(a(OrderCreated), detail={"orderId": "a" * 3_000}),
    "an event named like a key": envelope(a(OrderCreated, order_id=uuid4()), detail_type="sort"),
    "an event named like an attribute": envelope(a(OrderCreated, order_id=uuid4()), detail_type="opened"),
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_only_what_failed_goes_back_to_the_queue(
    journal: Journal, story: list[dict[str, Any]], logged: Logged, body: Any
) -> None:
    first, *others = story
    failed = journal.write(record(first, "before"), record(body, "malformed"), *map(record, others))
    assert failed == ["malformed"]
    assert len(journal.items(order_of(story))) == len(story) + 1
    (line,) = map(json.loads, logged())
    assert (line["message"], line["messageId"]) == ("not journaled", "malformed")


def test_a_batch_that_fails_whole_goes_back_whole(journal: Journal) -> None:
    assert journal.write(record("?", "m1"), record("?", "m2")) == ["m1", "m2"]


def test_an_event_that_no_service_would_accept_is_written_down_too(journal: Journal) -> None:
    order_id = uuid4()
    strange = envelope(a(OrderCreated, order_id=order_id), detail_type="OrderVanished", source="saga.test")
    strange["detail"] = {"orderId": str(order_id), "amount": 0.1, "deep": [[[{}]]]}
    assert journal.write(record(strange)) == []
    event, summary = journal.items(order_id)
    assert (json.loads(event["detail"]), event["toldAt"]) == (strange["detail"], event["arrivedAt"])
    assert summary["OrderVanished"] == event["arrivedAt"]


def test_items_expire(journal: Journal, story: list[dict[str, Any]]) -> None:
    journal.write(*map(record, story))
    days = int(environment("journal.app")["JOURNAL_DAYS"])
    expires_at = SENT_MS // 1000 + int(timedelta(days=days).total_seconds())
    assert {int(item["expiresAt"]) for item in journal.items(order_of(story))} == {expires_at}
