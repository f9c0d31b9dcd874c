"""The page's server: who may ask for what, and what it says of the last minutes. Its stack is moto's."""

import asyncio
import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import httpx
import pytest
from support.deployment import CONTEXT, tables
from support.emulation import Function, Heard
from support.given import a, envelope

from contracts.events import EVENTS
from saga.event import Timestamp
from sagactl.errors import SagaError
from sagactl.page import live
from sagactl.page.live import Feed, Known, Live
from sagactl.page.server import PAGE
from sagactl.page.serving import served
from sagactl.stack import aws, journal
from sagactl.stack.deployed import Stack

WANTED = {"productId": "item-001", "quantity": 2, "amount": 1000}
NOW = datetime.now(UTC)


@pytest.fixture(autouse=True)
def no_time_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Timestamp, "now", classmethod(lambda cls: cls.of(NOW)))


@pytest.fixture(scope="module")
def stack(heard: Heard) -> Iterator[Stack]:
    for made in (aws._client, aws._session):
        made.cache_clear()
    names = [table["TableName"] for table in tables()]
    queue = boto3.client("sqs").create_queue(QueueName="dead-letters")["QueueUrl"]
    outputs = dict(zip(names, names, strict=True)) | {"BusName": heard.bus_name, "DeadLetterQueueUrl": queue}
    yield Stack(aws.target(aws=True), outputs)
    for made in (aws._client, aws._session):
        made.cache_clear()


@pytest.fixture(scope="module")
def page(stack: Stack) -> Iterator[httpx.Client]:
    with served(lambda: stack, port=0) as address, httpx.Client(base_url=address) as client:
        yield client


def told(function: Function, name: str, order_id: uuid.UUID, ago: timedelta = timedelta()) -> None:
    """The journal writes down an event that was told so long ago."""
    at = Timestamp.of(NOW - ago)
    said = envelope(a(EVENTS[name], order_id=order_id, timestamp=at), event_id=str(uuid.uuid4()))
    attributes = {"SentTimestamp": str(int((NOW - ago).timestamp() * 1000)), "ApproximateReceiveCount": "1"}
    message = {"messageId": "1", "receiptHandle": "1", "body": json.dumps(said), "attributes": attributes}
    answer = function("journal.app").handler({"Records": [message | {"eventSource": "aws:sqs"}]}, CONTEXT)
    assert answer == {"batchItemFailures": []}


# -- who may ask


@pytest.mark.parametrize("host", ["evil.example", "evil.example:3001", "localhost.evil.example", "127.0.0.2", ""])
@pytest.mark.parametrize("path", ["/", "/app.js", "/page/graph", "/page/orders"])
def test_a_name_that_is_not_this_machines_gets_nothing(page: httpx.Client, host: str, path: str) -> None:
    assert page.get(path, headers={"Host": host}).status_code == 400


@pytest.mark.parametrize("host", ["localhost:3001", "127.0.0.1:3001"])
def test_this_machine_by_either_name_gets_the_page(page: httpx.Client, host: str) -> None:
    answer = page.get("/", headers={"Host": host})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")


REFUSED: dict[str, tuple[dict[str, str], int]] = {
    "from another page": ({"Origin": "https://evil.example"}, 403),
    "from a page at another port": ({"Origin": "http://localhost:3002"}, 403),
    "from a page without an origin of its own": ({"Origin": "null"}, 403),
    "as a form, which needs no permission": ({"Content-Type": "text/plain"}, 415),
    "without a type": ({"Content-Type": ""}, 415),
    "by a name made to mean this machine": ({"Host": "evil.example:3001", "Origin": "http://evil.example:3001"}, 400),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("path", ["/orders", "/page/orders", "/page/dead-letters"])
def test_changes_are_refused(page: httpx.Client, heard: Heard, case: str, path: str) -> None:
    headers, status = REFUSED[case]
    given = {"Content-Type": "application/json"} | headers
    assert page.post(path, content=json.dumps(WANTED), headers=given).status_code == status
    assert heard() == []


@pytest.mark.parametrize("who", ["a program", "the page itself"])
def test_an_order_is_put_on_the_bus(page: httpx.Client, heard: Heard, who: str) -> None:
    origin = {} if who == "a program" else {"Origin": str(page.base_url).rstrip("/")}
    answer = page.post("/page/orders", json=WANTED, headers=origin)
    [event] = heard()
    assert (answer.status_code, answer.json()) == (202, {"orderId": event["detail"]["orderId"]})


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
def test_a_body_that_is_no_object_is_refused(page: httpx.Client, body: str) -> None:
    answer = page.post("/page/orders", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["problems"]) == (400, ["body: expected a JSON object"])


def test_what_is_not_there_is_not_found(page: httpx.Client) -> None:
    order_id = str(uuid.uuid4())
    assert page.get(f"/page/orders/{order_id}").json()["problems"][0].startswith("Nobody knows of an order")
    assert page.get("/page/orders/mine").status_code == page.get("/nowhere").status_code == 404
    assert page.get("/page/orders?state=LOST").status_code == 400


def test_without_aws_every_call_says_so() -> None:
    def find() -> Stack:
        raise SagaError("No LocalStack answers", "Start it: saga up")

    with served(find, port=0) as address:
        for path in ("/page/orders", "/page/shop", f"/page/orders/{uuid.uuid4()}", "/page/dead-letters", "/orders/1"):
            answer = httpx.get(f"{address}{path}")
            said = answer.json()["problems"]
            assert (answer.status_code, said) == (503, ["No LocalStack answers. Start it: saga up."])


# -- what it shows


def test_orders_come_a_page_at_a_time_newest_first_each_once(page: httpx.Client, function: Function) -> None:
    ids = [uuid.uuid4() for _ in range(2 * PAGE + 3)]
    for number, order_id in enumerate(ids):
        told(function, "StockFailed", order_id, timedelta(days=1, seconds=number // 2))  # two at a time
    listed, before = [], "~"
    while before:
        answer = page.get("/page/orders", params={"state": "FAILING", "before": before}).json()
        assert len(answer["orders"]) <= PAGE
        listed += [(order["openedAt"], order["orderId"]) for order in answer["orders"]]
        before = answer["next"]
    assert listed == sorted(listed, reverse=True)
    assert sorted(order_id for _, order_id in listed) == sorted(map(str, ids))


def test_the_figures_are_those_of_the_last_minutes(stack: Stack, function: Function) -> None:
    def order(created: str, closed: str | None, ago: timedelta, took: timedelta) -> None:
        order_id = uuid.uuid4()
        told(function, created, order_id, ago)
        if closed:
            told(function, closed, order_id, ago - took)

    before = Feed(Known(lambda: stack)).look()["figures"]
    order("OrderCreated", "ShipmentOK", timedelta(minutes=20), timedelta(seconds=1))  # too long ago
    for seconds in (1, 2, 3):
        order("OrderCreated", "ShipmentOK", timedelta(minutes=2, seconds=30), timedelta(seconds=seconds))
    order("OrderCreated", "OrderFailed", timedelta(minutes=1, seconds=30), timedelta(seconds=60))
    order("OrderCreated", None, timedelta(seconds=5), timedelta())
    figures = Feed(Known(lambda: stack)).look()["figures"]
    assert sum(before["perMinute"]) == 0
    assert figures["perMinute"][-3:] == [3, 1, 1]
    assert figures["closed"] == {"COMPLETED": 3, "FAILED": 1}
    assert (figures["p50Ms"], figures["p99Ms"]) == (2000, 60_000)


def test_each_event_is_handed_over_once_also_if_it_comes_late(stack: Stack, function: Function) -> None:
    feed, order_id = Feed(Known(lambda: stack)), uuid.uuid4()
    told(function, "OrderCreated", order_id)
    assert feed.look()["events"] == []  # what was before is no news
    told(function, "PaymentOK", order_id)
    told(function, "StockReserved", order_id, timedelta(seconds=5))
    seen = feed.look()["events"]
    assert [(event["name"], event["orderId"]) for event in seen] == [
        ("StockReserved", str(order_id)),
        ("PaymentOK", str(order_id)),
    ]
    assert seen[0]["heardBy"] == ("shipping",)
    assert feed.look()["events"] == []


def test_the_first_events_ever_are_news(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    fields = {"arrivedAt": Timestamp.now(), "toldAt": Timestamp.now(), "source": "saga.order", "eventId": "e1"}
    arrived: list[dict[str, str]] = []
    monkeypatch.setattr(journal, "arrivals", lambda *_: arrived)
    feed = Feed(Known(lambda: stack))
    assert feed.look()["events"] == []
    arrived.append(fields | {"detailType": "OrderCreated", "orderId": "an order"})
    assert [event["name"] for event in feed.look()["events"]] == ["OrderCreated"]


def test_a_look_says_why_nothing_can_be_seen_and_goes_on_afterwards(stack: Stack) -> None:
    found: list[Stack | SagaError] = [SagaError("No LocalStack answers", "Start it: saga up"), stack]

    def find() -> Stack:
        what = found.pop(0)
        if isinstance(what, SagaError):
            raise what
        return what

    feed = Feed(Known(find))
    looks = [feed.look(), feed.look()]
    assert looks[0] == {"down": "No LocalStack answers. Start it: saga up."}
    assert looks[1].keys() == {"events", "figures", "deadLetters"}


def test_it_looks_only_while_somebody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []

    class Counting(Feed):
        def look(self) -> dict[str, Any]:
            looks.append(1)
            return {"events": len(looks)}

    async def listen() -> None:
        shared = Live(Counting(Known(lambda: pytest.fail("nothing is read"))))
        first, second = shared.listen(), shared.listen()
        both = await asyncio.gather(anext(first), anext(second))
        assert [*both] == ['data: {"events": 1}\n\n'] * 2  # the same look, for both
        await first.aclose()
        assert await anext(second) == 'data: {"events": 2}\n\n'
        await second.aclose()
        await asyncio.sleep(0.05)
        after = len(looks)
        await asyncio.sleep(0.05)
        assert len(looks) == after

    monkeypatch.setattr(live, "PERIOD_SECONDS", 0.001)
    asyncio.run(listen())


def test_who_listens_is_let_go_if_looking_fails_and_may_come_again() -> None:
    class Broken(Feed):
        def look(self) -> dict[str, Any]:
            raise LookupError

    async def listen() -> None:
        shared = Live(Broken(Known(lambda: pytest.fail("nothing is read"))))
        for _ in range(2):
            with pytest.raises(StopAsyncIteration):
                await anext(shared.listen())

    asyncio.run(listen())
