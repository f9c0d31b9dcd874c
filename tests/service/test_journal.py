"""The journal as SQS invokes it: every event is written down once, in whatever order and however often it comes."""

import itertools
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import boto3
import pytest
from boto3.dynamodb.conditions import Key
from botocore.exceptions import ReadTimeoutError
from support.emulation import Function
from support.given import a, envelope
from support.item import ItemInMemory
from support.output import Logged

from contracts.events import EVENTS, OrderCreated, PaymentOK, ShipmentOK, StockReserved
from journal.items import SUMMARY, shards
from saga.dynamodb import unmarshal
from saga.event import Event, Timestamp
from sagactl.local.functions import CONTEXT, environment
from sagactl.stack.deployed_stack import Stack
from sagactl.stack.journal import arrivals

SENT_MS = 1_769_904_001_123
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

    def listed(self, state: str) -> list[dict[str, Any]]:
        """The summaries of all orders in a state."""
        keys = [Key("stateShard").eq(key) for key in shards(state)]
        queries = [self.table.query(IndexName="orders", KeyConditionExpression=key) for key in keys]
        return list(itertools.chain.from_iterable(query["Items"] for query in queries))


@pytest.fixture
def journal(function: Function) -> Journal:
    return Journal(function("journal.app"))


@pytest.fixture
def stack(journal: Journal) -> Stack:
    where: Any = SimpleNamespace(client=boto3.client)
    return Stack(where, {"JournalTable": journal.table.name})


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


def test_an_order_is_listed_by_its_state(journal: Journal, story: list[dict[str, Any]]) -> None:
    journal.write(*map(record, story))
    order_id = str(order_of(story))
    listed = [item for item in journal.listed("COMPLETED") if item["orderId"] == order_id]
    assert [item["sort"] for item in listed] == [SUMMARY]


def test_what_arrived_is_listed_by_batch(journal: Journal, story: list[dict[str, Any]], stack: Stack) -> None:
    since = Timestamp.now()
    journal.write(*[record(said, f"m{n}") for n, said in enumerate(story[:3])])
    journal.write(record(story[3]), record(story[2], "again"))
    found = [one for one in arrivals(stack, since, 100) if one["orderId"] == str(order_of(story))]
    assert sorted(one["eventId"] for one in found) == [said["id"] for said in story]
    assert {one["detailType"] for one in found} == {event.name for event in TIMES}
    assert all(since <= one["writtenAt"] for one in found)


def test_nothing_has_arrived_since_a_time_to_come(stack: Stack) -> None:
    assert arrivals(stack, Timestamp.of(datetime.now(UTC) + timedelta(days=2)), 100) == []


def test_a_large_batch_is_named_in_parts(
    journal: Journal, story: list[dict[str, Any]], stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One item may not have room for all names."""
    monkeypatch.setattr(journal.app, "NAMED_MAX", 2)
    since = Timestamp.now()
    assert journal.write(*[record(said, f"m{n}") for n, said in enumerate(story)]) == []
    found = [one for one in arrivals(stack, since, 100) if one["orderId"] == str(order_of(story))]
    assert sorted(one["eventId"] for one in found) == [said["id"] for said in story]
    items: list[Any] = journal.table.scan()["Items"]
    named = [json.loads(item["events"]) for item in items if "events" in item and item["sort"] >= since]
    assert max(map(len, named)) == 2


def test_as_many_items_are_written_at_once_as_dynamodb_takes(
    journal: Journal, story: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    write = journal.app.dynamodb.batch_write_item

    def written(**arguments: Any) -> Any:
        asked.append(len(arguments["RequestItems"][journal.table.name]))
        return write(**arguments)

    monkeypatch.setattr(journal.app.dynamodb, "batch_write_item", written)
    journal.write(*[record(story[0] | {"id": f"e{number}"}, f"m{number}") for number in range(60)])
    assert sorted(asked) == [10, 25, 25]


def test_a_summary_is_written_once_for_all_of_an_orders_events(
    journal: Journal, story: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which each cost a write unit, wherever in the batch they are."""
    other = [said | {"detail": said["detail"] | {"orderId": str(uuid4())}} for said in story]
    asked = []
    update = journal.app.dynamodb.update_item

    def updated(**arguments: Any) -> Any:
        asked.append(arguments["Key"]["orderId"]["S"])
        return update(**arguments)

    monkeypatch.setattr(journal.app.dynamodb, "update_item", updated)
    orders = [said["detail"]["orderId"] for said in (story[0], other[0])]
    both = itertools.chain.from_iterable(zip([story[0]] * 3, [other[0]] * 3, strict=True))
    journal.write(*[record(said | {"id": f"e{number}"}, f"m{number}") for number, said in enumerate(both)])
    assert sorted(asked) == sorted(orders)


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
def test_a_summary_knows_the_state(journal: Journal, told: str, state: str) -> None:
    order_id = uuid4()
    for name in told.split():
        journal.write(record(envelope(a(EVENTS[name], order_id=order_id), event_id=name)))
    *_, summary = journal.items(order_id)
    assert summary["stateShard"].split("#")[0] == state


EVERY_WAY = {
    "completed, and expired": "OrderCreated OrderExpired PaymentOK StockReserved ShipmentOK",
    "payment and stock fail": "OrderCreated PaymentFail StockFailed StockRelease PaymentCancel OrderFailed",
    "shipment fails": "OrderCreated PaymentOK StockReserved ShipmentFail PaymentCancel StockRelease OrderFailed",
    "told by anybody": "OrderFailed ShipmentOK StockFailed OrderCreated",
    "told by nobody": "OrderVanished opened PaymentOK",
}


@pytest.mark.parametrize("names", EVERY_WAY.values(), ids=EVERY_WAY)
def test_a_summary_is_the_same_in_every_order_of_arrival_of_every_subset(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, names: str
) -> None:
    """If each subset ends the same whichever of its events is last, every order of arrival ends the same."""

    def updated(before: dict[str, Any], *events: Any) -> dict[str, Any]:
        item = ItemInMemory(dict(before))
        monkeypatch.setattr(journal.app, "dynamodb", item)
        assert journal.app._update_summary(events) == events
        return item.attributes

    told = [journal.app._read(record(one)) for one in told_in_sequence(names.split(), uuid4())]
    left: dict[tuple[Any, ...], dict[str, Any]] = {(): {}}
    for subset in subsets(told):
        if subset:
            ends = [updated(left[without(subset, last)], last) for last in subset]
            ends += [updated(ends[0], again) for again in subset]
            ends.append(updated({}, *subset))  # in one batch
            assert all(end == ends[0] for end in ends), [one.sort for one in subset]
            left[ids(subset)] = ends[0]


def test_the_item_in_memory_is_updated_as_a_table_is(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the test above says something about DynamoDB."""
    order_id = uuid4()
    told = told_in_sequence(EVERY_WAY["shipment fails"].split(), order_id)
    item = ItemInMemory({})
    for one in (*reversed(told[1:]), told[0], *told):
        journal.write(record(one))
        with monkeypatch.context() as patch:
            patch.setattr(journal.app, "dynamodb", item)
            journal.app._update_summary([journal.app._read(record(one))])
        *_, summary = journal.items(order_id)
        assert unmarshal(item.attributes).items() <= summary.items()


def subsets(told: list[Any]) -> Iterator[tuple[Any, ...]]:
    """The smaller ones first."""
    for size in range(len(told) + 1):
        yield from itertools.combinations(told, size)


def without(subset: tuple[Any, ...], left_out: Any) -> tuple[str, ...]:
    return ids(one for one in subset if one is not left_out)


def ids(subset: Iterable[Any]) -> tuple[str, ...]:
    return tuple(one.sort for one in subset)


def told_in_sequence(names: list[str], order_id: UUID) -> list[dict[str, Any]]:
    """Events of these names, a second apart."""
    told = []
    for number, name in enumerate(names):
        at = Timestamp.of(datetime(2026, 1, 31, 12, 0, number, tzinfo=UTC))
        told.append(envelope(a(OrderCreated, order_id=order_id, timestamp=at), event_id=name, detail_type=name))
    return told


def test_writing_twice_leaves_what_writing_once_does(journal: Journal, story: list[dict[str, Any]]) -> None:
    journal.write(*map(record, story))
    once = journal.items(order_of(story))
    journal.write(*map(record, story), *map(record, story))
    assert journal.items(order_of(story)) == once


@pytest.mark.parametrize("number", [0, 1])
def test_a_fact_told_again_is_another_event_and_changes_no_summary(
    journal: Journal, story: list[dict[str, Any]], number: int
) -> None:
    journal.write(*map(record, story))
    *events, summary = journal.items(order_of(story))
    later = story[number]["detail"] | {"timestamp": TIMES[ShipmentOK]}
    journal.write(record(story[number] | {"id": "told-again", "detail": later}))
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


def test_the_time_of_order_created_stays_that_arrived_in_between(
    journal: Journal, story: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    created, paid, reserved, _ = story
    journal.write(record(reserved))
    earlier = journal.app.opened_earlier

    def after_another_batch(*arguments: Any) -> Any:
        monkeypatch.setattr(journal.app, "opened_earlier", earlier)
        journal.write(record(created))
        return earlier(*arguments)

    monkeypatch.setattr(journal.app, "opened_earlier", after_another_batch)
    assert journal.write(record(paid)) == []
    *_, summary = journal.items(order_of(story))
    assert summary["opened"] == f"{TIMES[OrderCreated]}#{order_of(story)}"


MALFORMED = {
    "no JSON": "event",
    "no object": "[]",
    "no detail": {"id": "1", "detail-type": "OrderCreated", "source": "saga.order"},
    "a detail that is no object": envelope(a(OrderCreated), detail="{}"),
    "no order": envelope(a(OrderCreated), detail={}),
    "an order id beyond DynamoDB's keys": envelope(a(OrderCreated), detail={"orderId": "a" * 3_000}),
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


def test_what_dynamodb_leaves_out_of_a_batch_is_written_by_itself(
    journal: Journal, story: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def leaving_out(**asked: dict[str, list[Any]]) -> dict[str, Any]:
        return {"UnprocessedItems": {table: requests[1:3] for table, requests in asked["RequestItems"].items()}}

    monkeypatch.setattr(journal.app.dynamodb, "batch_write_item", leaving_out)
    assert journal.write(*[record(said, f"m{n}") for n, said in enumerate(story)]) == []
    *events, _ = journal.items(order_of(story))
    assert [event["eventId"] for event in events] == [said["id"] for said in story[1:3]]


def test_what_can_not_be_written_by_itself_either_goes_back_to_the_queue(
    journal: Journal, story: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, logged: Logged
) -> None:
    put = journal.app.dynamodb.put_item

    def refusing(**asked: Any) -> Any:
        if asked["Item"].get("eventId") == {"S": story[1]["id"]}:
            raise ReadTimeoutError(endpoint_url="https://dynamodb.example")
        return put(**asked)

    def leaving_out(**asked: dict[str, list[Any]]) -> dict[str, Any]:
        return {"UnprocessedItems": asked["RequestItems"]}

    monkeypatch.setattr(journal.app.dynamodb, "batch_write_item", leaving_out)
    monkeypatch.setattr(journal.app.dynamodb, "put_item", refusing)
    assert journal.write(*[record(said, f"m{n}") for n, said in enumerate(story)]) == ["m1"]
    [line] = map(json.loads, logged())
    assert (line["message"], line["messageId"]) == ("not journaled", "m1")


FAILING = {
    "batch_write_item": "not journaled",
    "update_item": "not in the order's summary",
    "put_item": "not in the list of what arrived",
}


@pytest.mark.parametrize(("failing", "message"), FAILING.items())
def test_a_line_about_a_failure_is_joined_to_each_event_that_it_concerns(
    journal: Journal,
    story: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    logged: Logged,
    failing: str,
    message: str,
) -> None:
    def hangs(**_: Any) -> None:
        raise ReadTimeoutError(endpoint_url="https://dynamodb.example")

    monkeypatch.setattr(journal.app.dynamodb, failing, hangs)
    messages = [f"m{n}" for n in range(len(story))]
    assert journal.write(*map(record, story, messages)) == messages
    lines = [json.loads(line) for line in logged()]
    assert {line["message"] for line in lines} == {message}
    said = {(line["messageId"], line["orderId"], line["detailType"], line["correlation_id"]) for line in lines}
    events = [(str(order_of(story)), event["detail-type"], event["id"]) for event in story]
    assert said == {(message, *event) for message, event in zip(messages, events, strict=True)}


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
