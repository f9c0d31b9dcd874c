"""The page's server: whose requests it takes, and what it answers. Its stack is moto's."""

import asyncio
import json
import socket
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import httpx
import pytest
from support.emulation import Function, Heard
from support.given import a, envelope

from contracts.events import EVENTS
from saga.event import Timestamp
from sagactl.errors import SagaError
from sagactl.local.functions import CONTEXT, tables
from sagactl.page import activity, broadcast, endpoints
from sagactl.page.activity import RecentActivity
from sagactl.page.broadcast import Broadcast
from sagactl.page.endpoints import ORDERS_PER_PAGE
from sagactl.page.serving import bound, served
from sagactl.page.stack_cache import StackCache
from sagactl.paths import PROJECT
from sagactl.stack import aws, dead_letters, journal, shop
from sagactl.stack.deployed_stack import Stack

WANTED = {"productId": "item-001", "quantity": 2, "amount": 1000}
NOW = datetime.now(UTC)


@pytest.fixture(autouse=True)
def no_time_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Timestamp, "now", classmethod(lambda _: Timestamp.of(NOW)))


@pytest.fixture(scope="module")
def stack(heard: Heard) -> Iterator[Stack]:
    for made in (aws._client, aws._session):
        made.cache_clear()
    names = [table["TableName"] for table in tables()]
    queue = boto3.client("sqs").create_queue(QueueName="dead-letters")["QueueUrl"]
    outputs = dict(zip(names, names, strict=True)) | {"BusName": heard.bus_name, "DeadLetterQueueUrl": queue}
    outputs["DiscardedLogs"] = "/saga/saga/discarded"
    boto3.client("logs").create_log_group(logGroupName=outputs["DiscardedLogs"])
    yield Stack(aws.target(aws=True), outputs)
    for made in (aws._client, aws._session):
        made.cache_clear()


@pytest.fixture(scope="module")
def page(stack: Stack) -> Iterator[httpx.Client]:
    with (
        served(lambda: stack, port=0) as address,
        httpx.Client(base_url=address, timeout=60, trust_env=False) as client,
    ):
        yield client


def told(function: Function, name: str, order_id: uuid.UUID, ago: timedelta = timedelta()) -> None:
    """The journal writes down an event that was told that long ago."""
    at = Timestamp.of(NOW - ago)
    said = envelope(a(EVENTS[name], order_id=order_id, timestamp=at), event_id=str(uuid.uuid4()))
    attributes = {"SentTimestamp": str(int((NOW - ago).timestamp() * 1000)), "ApproximateReceiveCount": "1"}
    message = {"messageId": "1", "receiptHandle": "1", "body": json.dumps(said), "attributes": attributes}
    answer = function("journal.app").handler({"Records": [message | {"eventSource": "aws:sqs"}]}, CONTEXT)
    assert answer == {"batchItemFailures": []}


# -- whose requests it takes


@pytest.mark.parametrize("host", ["evil.example", "evil.example:3001", "localhost.evil.example", "127.0.0.2", ""])
@pytest.mark.parametrize("path", ["/", "/app.js", "/page/graph", "/page/orders", "/page/asyncapi.json"])
def test_a_request_by_a_name_that_is_not_this_machines_gets_nothing(page: httpx.Client, host: str, path: str) -> None:
    assert page.get(path, headers={"Host": host}).status_code == 400


@pytest.mark.parametrize("host", ["localhost:3001", "127.0.0.1:3001"])
def test_a_request_by_either_of_this_machines_names_gets_the_page(page: httpx.Client, host: str) -> None:
    answer = page.get("/", headers={"Host": host})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")


REFUSED: dict[str, tuple[dict[str, str], int]] = {
    "from another page": ({"Origin": "https://evil.example"}, 403),
    "from a page at another port": ({"Origin": "http://localhost:3002"}, 403),
    "from a page without an origin of its own": ({"Origin": "null"}, 403),
    "as a form, which needs no permission": ({"Content-Type": "text/plain"}, 415),
    "without a type": ({"Content-Type": ""}, 415),
    "by another name that resolves to this machine": (
        {"Host": "evil.example:3001", "Origin": "http://evil.example:3001"},
        400,
    ),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("path", ["/orders", "/page/orders", "/page/dead-letters", "/page/dead-letters/discarded"])
def test_a_change_is_refused(page: httpx.Client, heard: Heard, case: str, path: str) -> None:
    headers, status = REFUSED[case]
    given = {"Content-Type": "application/json"} | headers
    assert page.post(path, content=json.dumps(WANTED), headers=given).status_code == status
    assert heard() == []


@pytest.mark.parametrize(("origin", "status"), [({}, 400), ({"Origin": "https://evil.example"}, 403)])
def test_a_program_needs_no_type_for_a_request_without_a_body(
    page: httpx.Client, origin: dict[str, str], status: int
) -> None:
    assert page.post("/page/dead-letters", headers=origin).status_code == status  # 400: this one needs a body


@pytest.mark.parametrize("who", ["a program", "the page itself"])
def test_an_order_is_put_on_the_bus(page: httpx.Client, heard: Heard, who: str) -> None:
    origin = {} if who == "a program" else {"Origin": str(page.base_url).rstrip("/")}
    answer = page.post("/page/orders", json=WANTED, headers=origin)
    [event] = heard()
    assert (answer.status_code, answer.json()) == (202, {"orderId": event["detail"]["orderId"]})


def test_an_order_is_put_on_the_bus_after_its_cancellation(
    page: httpx.Client, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shop, "OVERTAKE_SECONDS_MAX", 0)  # shipping hears nothing here
    answer = page.post("/page/orders", json=WANTED | {"cancelled": True})
    cancelled, created = heard()
    assert (cancelled["detail-type"], created["detail-type"]) == ("OrderCancelled", "OrderCreated")
    assert cancelled["detail"]["orderId"] == created["detail"]["orderId"] == answer.json()["orderId"]


def test_nothing_is_loaded_from_elsewhere_and_nothing_runs_inline(page: httpx.Client) -> None:
    for path in ("/", "/app.js", "/style.css", "/page/graph", "/nowhere"):
        policy = page.get(path).headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self';")
        assert "unsafe" not in policy
    html = page.get("/").text
    assert not any(sign in html for sign in ("<script>", "style=", "onclick", "http:", "https:"))


# -- bad input


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [({}, "quantity: missing"), (WANTED | {"quantity": 0, "amount": "x"}, "amount: expected a number")],
)
def test_a_malformed_order_names_every_problem(page: httpx.Client, wanted: Any, problem: str) -> None:
    answer = page.post("/page/orders", json=wanted)
    assert answer.status_code == 400
    assert problem in answer.json()["problems"][0]


@pytest.mark.parametrize("body", ["", "[]", "{", "NaN"])
def test_a_body_that_is_not_a_json_object_is_refused(page: httpx.Client, body: str) -> None:
    answer = page.post("/page/orders", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["problems"]) == (400, ["body: expected a JSON object"])


def test_an_order_that_nobody_knows_is_not_found_and_an_unknown_state_is_refused(page: httpx.Client) -> None:
    order_id = str(uuid.uuid4())
    assert page.get(f"/page/orders/{order_id}").json()["problems"][0].startswith("There is no order")
    assert page.get("/page/orders/mine").status_code == page.get("/nowhere").status_code == 404
    assert page.get("/page/orders?state=LOST").status_code == 400


def test_every_answer_says_so_when_localstack_is_down() -> None:
    def find() -> Stack:
        raise SagaError("No LocalStack answers", "Start it: saga up")

    with served(find, port=0) as address:
        for path in ("/page/orders", "/page/shop", f"/page/orders/{uuid.uuid4()}", "/page/dead-letters", "/orders/1"):
            answer = httpx.get(f"{address}{path}", trust_env=False)
            said = answer.json()["problems"]
            assert (answer.status_code, said) == (503, ["No LocalStack answers. Start it: saga up."])


def test_who_comes_before_the_server_runs_is_kept_waiting() -> None:
    with bound(0) as listener, socket.create_connection(listener.getsockname(), timeout=5):
        pass


# -- what it answers


def test_orders_are_listed_a_page_at_a_time_newest_first_each_once(page: httpx.Client, function: Function) -> None:
    ids = [uuid.uuid4() for _ in range(2 * ORDERS_PER_PAGE + 3)]
    for number, order_id in enumerate(ids):
        told(function, "StockFailed", order_id, timedelta(days=1, seconds=number // 2))  # two at a time
    listed = []
    before = "~"
    while before:
        answer = page.get("/page/orders", params={"state": "FAILING", "before": before}).json()
        assert len(answer["orders"]) <= ORDERS_PER_PAGE
        listed += [(order["openedAt"], order["orderId"]) for order in answer["orders"]]
        before = answer["next"]
    assert listed == sorted(listed, reverse=True)
    assert sorted(order_id for _, order_id in listed) == sorted(map(str, ids))


def test_orders_are_found_by_why_they_fail_and_by_when_they_opened(page: httpx.Client, function: Function) -> None:
    declined, sold_out, later, shipped = (uuid.uuid4() for _ in range(4))
    told(function, "PaymentFail", declined, timedelta(days=3))
    told(function, "StockFailed", sold_out, timedelta(days=3))
    told(function, "StockRelease", declined, timedelta(days=3, seconds=-1))
    told(function, "PaymentFail", later, timedelta(days=2))
    period = {"since": Timestamp.of(NOW - timedelta(days=4)), "before": Timestamp.of(NOW - timedelta(days=2.5))}

    def found(**query: str) -> dict[str, Any]:
        listed = page.get("/page/orders", params=query).json()["orders"]
        return {order["orderId"]: (order["failures"], order["awaits"]) for order in listed}

    known = {
        str(declined): (["PaymentFail"], ["OrderFailed"]),
        str(sold_out): (["StockFailed"], ["PaymentFail or PaymentCancel"]),
    }
    assert found(**period) == known
    assert found(**period, reason="StockFailed") == {str(sold_out): known[str(sold_out)]}
    assert found(reason="PaymentFail").keys() == {str(declined), str(later)}
    assert found(**period, reason="ShipmentFail") == {}
    assert found(reason="PaymentFail", since=period["before"]).keys() == {str(later)}
    told(function, "OrderCancelled", shipped, timedelta(days=9))
    told(function, "ShipmentOK", shipped, timedelta(days=9, seconds=-1))
    assert found(reason="OrderCancelled") == {}  # too late: it did not fail


def test_a_page_looks_at_so_many_orders_and_the_next_goes_on(
    page: httpx.Client, function: Function, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoints, "ORDERS_LOOKED_AT", 4)
    rare = uuid.uuid4()
    for number in range(10):
        told(function, "StockFailed", uuid.uuid4(), timedelta(days=6, seconds=number))
    told(function, "ShipmentFail", rare, timedelta(days=6, seconds=10))
    query = {"reason": "ShipmentFail", "since": Timestamp.of(NOW - timedelta(days=7))}
    before = Timestamp.of(NOW - timedelta(days=5))
    pages = []
    while before:
        answer = page.get("/page/orders", params=query | {"before": before}).json()
        pages.append([order["orderId"] for order in answer["orders"]])
        before = answer["next"]
    assert pages == [[], [], [str(rare)]]


def test_the_figures_are_those_of_the_last_minutes(stack: Stack, function: Function) -> None:
    def order(created: str, closed: str | None, ago: timedelta, took: timedelta) -> None:
        order_id = uuid.uuid4()
        told(function, created, order_id, ago)
        if closed:
            told(function, closed, order_id, ago - took)

    before = RecentActivity(StackCache(lambda: stack)).read()["figures"]
    order("OrderCreated", "ShipmentOK", timedelta(minutes=40), timedelta(seconds=1))  # too long ago
    for seconds in (1, 2, 3):
        order("OrderCreated", "ShipmentOK", timedelta(minutes=2, seconds=30), timedelta(seconds=seconds))
    order("OrderCreated", "OrderFailed", timedelta(minutes=1, seconds=30), timedelta(seconds=60))
    order("OrderCreated", None, timedelta(seconds=5), timedelta())
    figures = RecentActivity(StackCache(lambda: stack)).read()["figures"]
    none = {"PENDING": 0, "COMPLETED": 0, "FAILED": 0}
    assert before["perMinute"] == [none] * activity.MINUTES
    assert figures["perMinute"][:-3] == [none] * (activity.MINUTES - 3)
    assert figures["perMinute"][-3:] == [none | {"COMPLETED": 3}, none | {"FAILED": 1}, none | {"PENDING": 1}]
    assert figures["closed"] == {"COMPLETED": 3, "FAILED": 1}
    assert (figures["p50Ms"], figures["p99Ms"]) == (2000, 60_000)


def test_each_event_is_read_once_even_if_it_arrives_late(stack: Stack, function: Function) -> None:
    reader = RecentActivity(StackCache(lambda: stack))
    order_id = uuid.uuid4()
    told(function, "OrderCreated", order_id)
    assert reader.read()["events"] == []  # what happened before is not new
    busy = [reader.is_busy]
    told(function, "PaymentOK", order_id)
    told(function, "StockReserved", order_id, timedelta(seconds=5))
    seen = reader.read()["events"]
    busy.append(reader.is_busy)
    assert busy == [False, True]
    assert {(event["name"], event["orderId"], event["heardBy"]) for event in seen} == {
        ("StockReserved", str(order_id), ("order", "shipping")),
        ("PaymentOK", str(order_id), ("order", "shipping")),
    }
    assert len(seen) == 2
    assert reader.read()["events"] == []


def test_the_first_events_of_an_empty_journal_are_new(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    fields = {"writtenAt": Timestamp.now(), "toldAt": Timestamp.now(), "source": "saga.order", "eventId": "e1"}
    arrived: list[dict[str, str]] = []
    monkeypatch.setattr(journal, "arrivals", lambda *_: arrived)
    reader = RecentActivity(StackCache(lambda: stack))
    assert reader.read()["events"] == []
    arrived.append(fields | {"detailType": "OrderCreated", "orderId": "an order"})
    assert [event["name"] for event in reader.read()["events"]] == ["OrderCreated"]


def test_a_reading_says_why_nothing_can_be_read_and_the_next_one_recovers(stack: Stack) -> None:
    found: list[Stack | SagaError] = [SagaError("No LocalStack answers", "Start it: saga up"), stack]

    def find() -> Stack:
        what = found.pop(0)
        if isinstance(what, SagaError):
            raise what
        return what

    reader = RecentActivity(StackCache(find))
    assert reader.read() == {"down": "No LocalStack answers. Start it: saga up."}
    assert reader.read().keys() == {"events", "figures", "deadLetters"}


def test_no_more_orders_are_remembered_than_the_newest(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    fields = {"writtenAt": Timestamp.now(), "toldAt": Timestamp.now(), "source": "saga.order"}
    items = [
        fields | {"detailType": "OrderCreated", "eventId": str(number), "orderId": f"order {number}"}
        for number in range(5)
    ]
    monkeypatch.setattr(journal, "arrivals", lambda *_: items)
    monkeypatch.setattr(activity, "ORDERS_MAX", 3)
    reader = RecentActivity(StackCache(lambda: stack))
    assert reader.read()["figures"]["perMinute"][-1]["PENDING"] == 3


def test_dead_letters_are_not_counted_more_often_because_events_come(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = iter([1, 2, 3])
    clock = [100.0]
    monkeypatch.setattr(dead_letters, "counted", lambda _: next(counts))
    monkeypatch.setattr(activity, "monotonic", lambda: clock[0])
    reader = RecentActivity(StackCache(lambda: stack))
    assert [reader.read()["deadLetters"] for _ in range(5)] == [1] * 5
    clock[0] += 2
    assert [reader.read()["deadLetters"] for _ in range(5)] == [2] * 5


def test_it_reads_more_often_while_events_come(monkeypatch: pytest.MonkeyPatch) -> None:
    class Busy(RecentActivity):
        is_busy = True

        def read(self) -> dict[str, Any]:
            return {}

    async def listen() -> None:
        news = Broadcast(Busy(StackCache(lambda: pytest.fail("nothing is read")))).listen()
        await anext(news)
        await asyncio.wait_for(anext(news), timeout=30)
        await news.aclose()

    monkeypatch.setattr(broadcast, "PERIOD_SECONDS", 3600)
    monkeypatch.setattr(broadcast, "BUSY_PERIOD_SECONDS", 0.001)
    asyncio.run(listen())


def test_it_reads_only_while_somebody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    readings = []

    class Counting(RecentActivity):
        def read(self) -> dict[str, Any]:
            readings.append(1)
            return {"events": len(readings)}

    async def listen() -> None:
        shared = Broadcast(Counting(StackCache(lambda: pytest.fail("nothing is read"))))
        first = shared.listen()
        second = shared.listen()
        both = await asyncio.gather(anext(first), anext(second))
        assert list(both) == ['data: {"events": 1}\n\n'] * 2  # the same reading, for both
        await first.aclose()
        assert await anext(second) == 'data: {"events": 2}\n\n'
        await second.aclose()
        await asyncio.sleep(0.05)
        after = len(readings)
        await asyncio.sleep(0.05)
        assert len(readings) == after

    monkeypatch.setattr(broadcast, "PERIOD_SECONDS", 0.001)
    asyncio.run(listen())


def test_listening_ends_if_reading_fails_and_can_start_again() -> None:
    class Broken(RecentActivity):
        def read(self) -> dict[str, Any]:
            raise LookupError

    async def listen() -> None:
        shared = Broadcast(Broken(StackCache(lambda: pytest.fail("nothing is read"))))
        for _ in range(2):
            with pytest.raises(StopAsyncIteration):
                await anext(shared.listen())

    asyncio.run(listen())


def test_a_dead_letter_is_discarded_for_a_reason(page: httpx.Client, stack: Stack) -> None:
    stack.client("sqs").send_message(QueueUrl=stack.outputs["DeadLetterQueueUrl"], MessageBody="not JSON")
    [letter] = page.get("/page/dead-letters").json()["deadLetters"]
    assert (letter["payload"], letter["stackTrace"]) == ("not JSON", [])
    chosen = {"messageIds": [letter["messageId"]]}
    refused = page.post("/page/dead-letters/discarded", json=chosen | {"reason": " "})
    assert (refused.status_code, refused.json()["problems"]) == (400, ["reason: expected a text that says why"])
    answer = page.post("/page/dead-letters/discarded", json=chosen | {"reason": "a test put it there"})
    assert answer.json() == {"discarded": ["unknown"]}
    assert page.get("/page/dead-letters").json() == {"deadLetters": [], "mayBeMore": False}


def test_whoever_reads_dead_letters_at_once_finds_them_all(page: httpx.Client, stack: Stack) -> None:
    url = stack.outputs["DeadLetterQueueUrl"]
    boto3.client("sqs").send_message(QueueUrl=url, MessageBody="both want it")
    with ThreadPoolExecutor() as pool:
        answers = list(pool.map(lambda _: page.get("/page/dead-letters").json()["deadLetters"], range(3)))
    [letter] = answers[0]
    assert [[one["messageId"] for one in found] for found in answers] == [[letter["messageId"]]] * 3
    page.post(
        "/page/dead-letters/discarded", json={"messageIds": [letter["messageId"]], "reason": "a test put it there"}
    )


def test_only_the_dead_letters_that_are_named_are_discarded(page: httpx.Client, stack: Stack) -> None:
    for text in ("one", "another", "a third"):
        stack.client("sqs").send_message(QueueUrl=stack.outputs["DeadLetterQueueUrl"], MessageBody=text)
    letters = {
        letter["payload"]: letter["messageId"] for letter in page.get("/page/dead-letters").json()["deadLetters"]
    }
    chosen = {"messageIds": [letters["one"], letters["a third"]], "reason": "a test put it there"}
    assert page.post("/page/dead-letters/discarded", json=chosen).json() == {"discarded": ["unknown"] * 2}
    [left] = page.get("/page/dead-letters").json()["deadLetters"]
    assert left["payload"] == "another"
    redriven = page.post("/page/dead-letters", json={"messageIds": [letters["one"]]}).json()
    assert redriven == {"redriven": []}
    page.post("/page/dead-letters/discarded", json=chosen | {"messageIds": [left["messageId"]]})


@pytest.mark.parametrize("path", ["/page/dead-letters", "/page/dead-letters/discarded"])
@pytest.mark.parametrize("message_ids", [[], "an ID", [1], None])
def test_which_dead_letters_are_meant_must_be_said(page: httpx.Client, path: str, message_ids: Any) -> None:
    answer = page.post(path, json={"messageIds": message_ids, "reason": "a test put it there"})
    assert (answer.status_code, answer.json()["problems"]) == (400, ["messageIds: expected a list of texts"])


@pytest.mark.parametrize("name", ["asyncapi.json", "openapi.json"])
def test_the_published_documents_are_downloaded(page: httpx.Client, name: str) -> None:
    answer = page.get(f"/page/{name}")
    assert answer.json() == json.loads((PROJECT / "events" / name).read_text())
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
