"""Functions while AWS hangs or throttles: what can't be done is said in time, and what can is done."""

import json
import os
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from unittest.mock import patch
from uuid import UUID

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ReadTimeoutError
from support.given import AT, ORDER_ID, a, envelope
from support.output import Counted, Logged

from contracts.events import OrderCreated, ShipmentFail
from saga import sdk
from saga.dynamodb import marshal
from saga.sdk import ATTEMPTS
from sagactl.local.functions import CONTEXT, load
from sagactl.local.in_process import request

READ_SECONDS = 0.5  # instead of two, to spare time: only where it makes no difference that an answer is as late as that
ORDER = {"productId": "apple", "quantity": 1, "amount": 1}
ANSWERS: dict[str, Any] = {
    "GetItem": {"Item": {"productId": {"S": "apple"}, "available": {"N": "9"}}},
    "PutEvents": {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]},
}
UNKNOWN_ORDER: dict[str, Any] = {}
OPEN = {"orderId": str(ORDER_ID), "version": 1, "openedAt": AT, "status": "PENDING", "heard": {}, "told": {}}
THROTTLED = {"__type": "com.amazonaws.dynamodb.v20120810#ThrottlingException", "message": "slow down"}
REASONS = [{"Code": "None"}, {"Code": "ThrottlingError"}]
NOT_AS_IT_WAS = {"__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException", "message": "no"}
CANCELLED = {"__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException", "CancellationReasons": REASONS}


class Endpoint(ThreadingHTTPServer):
    """DynamoDB and EventBridge: answers an operation with its errors first, and not at all while it hangs."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.hangs: set[str] = set()
        self.unanswered: set[str] = set()
        self.tokens: list[str] = []
        self.errors: dict[str, list[Any]] = defaultdict(list)
        self.asked: Counter[str] = Counter()
        self.known: dict[str, Any] = {}  # what GetItem answers, by the order's ID
        self.over = threading.Event()


class Handler(BaseHTTPRequestHandler):
    server: Endpoint

    def do_POST(self) -> None:
        """Every operation of both services is one."""
        operation = self.headers["X-Amz-Target"].rpartition(".")[2]
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked[operation] += 1
        if operation in self.server.hangs:
            self.server.over.wait()
            return
        if self.server.errors[operation]:
            self._answer(400, self.server.errors[operation].pop())
        elif operation in self.server.unanswered:
            self.server.unanswered.remove(operation)
            self._apply(operation, body)
            self.server.over.wait()
        elif "orderId" in body.get("Key", {}):
            self._answer(200, self.server.known.get(body["Key"]["orderId"]["S"], UNKNOWN_ORDER))
        else:
            self._apply(operation, body)
            self._answer(200, ANSWERS.get(operation, {}))

    def _apply(self, operation: str, body: dict[str, Any]) -> None:
        """What is written without an answer, a second write of the same finds, and so does a read."""
        if operation == "PutItem":
            self.server.known[body["Item"]["orderId"]["S"]] = {"Item": body["Item"]}
            self.server.errors[operation] = [NOT_AS_IT_WAS | {"Item": body["Item"]}]
        if operation == "TransactWriteItems":
            self.server.tokens.append(body["ClientRequestToken"])

    def _answer(self, status: int, content: Any) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    """What functions that are loaded from now on call; the SDK's pauses are skipped."""
    with Endpoint() as endpoint:
        threading.Thread(target=endpoint.serve_forever, args=(0.05,), daemon=True).start()
        monkeypatch.setattr(time, "sleep", lambda _: None)
        with patch.dict(os.environ, AWS_ENDPOINT_URL=endpoint.url):
            yield endpoint
        endpoint.over.set()
        endpoint.shutdown()


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Functions that are loaded from now on do not wait long for what hangs each time."""
    monkeypatch.setattr(sdk, "CONFIG", sdk.CONFIG.merge(Config(read_timeout=READ_SECONDS)))


@pytest.mark.parametrize("hanging", ["GetItem", "PutItem", "PutEvents"])
@pytest.mark.usefixtures("_impatient")
def test_an_event_is_given_up_with_a_log_line_and_a_metric(
    endpoint: Endpoint, logged: Logged, counted: Counted, hanging: str
) -> None:
    payment = load("payment.app")
    endpoint.hangs = {hanging}
    with pytest.raises(ReadTimeoutError):
        payment.handler(envelope(a(ShipmentFail)), CONTEXT)
    assert endpoint.asked[hanging] == ATTEMPTS
    assert json.loads(logged()[-1])["message"].startswith("ReadTimeoutError: ")
    assert counted()["Failures"] == 1


@pytest.mark.usefixtures("_impatient")
def test_a_post_is_given_up_with_the_orders_id_a_log_line_and_a_metric(
    endpoint: Endpoint, logged: Logged, counted: Counted
) -> None:
    """The record may have been made: what is sure is that nobody has heard of the order."""
    http = load("order.http")
    endpoint.hangs = {"PutItem"}
    status, answer, headers = ask(http, request("POST", "/orders", json.dumps(ORDER)))
    assert status == HTTPStatus.SERVICE_UNAVAILABLE
    assert headers["Location"] == [f"orders/{UUID(answer['orderId'])}"]
    assert endpoint.asked["PutEvents"] == 0
    assert json.loads(logged()[-1])["message"].startswith("ReadTimeoutError: ")
    assert counted()["Failures"] == 1


@pytest.mark.usefixtures("_impatient")
def test_a_post_that_may_have_been_told_is_accepted(endpoint: Endpoint, logged: Logged, counted: Counted) -> None:
    """Whoever is told that it failed, and posts again without a key, would order twice."""
    http = load("order.http")
    endpoint.hangs = {"PutEvents"}
    status, answer, headers = ask(http, request("POST", "/orders", json.dumps(ORDER)))
    assert (status, answer["status"]) == (HTTPStatus.ACCEPTED, "PENDING")
    assert headers["Location"] == [f"orders/{UUID(answer['orderId'])}"]
    assert endpoint.asked["PutEvents"] == ATTEMPTS
    failed, placed = map(json.loads, logged())
    assert failed["message"].startswith("ReadTimeoutError: ")
    assert (placed["message"], placed["told"]) == ("placed", "unknown")
    assert counted() == {"Failures": 1, "SagasStarted": 1}


def test_a_post_that_eventbridge_throttles_is_not_accepted(endpoint: Endpoint) -> None:
    http = load("order.http")
    endpoint.errors["PutEvents"] = [THROTTLED] * ATTEMPTS
    status, answer, _ = ask(http, request("POST", "/orders", json.dumps(ORDER)))
    assert (status, bool(answer["orderId"])) == (HTTPStatus.SERVICE_UNAVAILABLE, True)


@pytest.mark.parametrize("hanging", ["GetItem", "PutItem", "PutEvents"])
@pytest.mark.usefixtures("_impatient")
def test_a_cancellation_that_may_not_have_been_told_is_asked_for_again(
    endpoint: Endpoint, counted: Counted, hanging: str
) -> None:
    http = load("order.http")
    order_id = str(ORDER_ID)
    endpoint.known = {order_id: {"Item": marshal(OPEN)}}
    endpoint.hangs = {hanging}
    status, answer, _ = ask(http, request("POST", f"/orders/{order_id}/cancel"))
    assert (status, answer["orderId"]) == (HTTPStatus.SERVICE_UNAVAILABLE, order_id)
    assert counted()["Failures"] == 1


@pytest.mark.usefixtures("_impatient")
def test_a_status_that_can_not_be_read_is_no_order_that_is_not_there(endpoint: Endpoint) -> None:
    http = load("order.http")
    endpoint.hangs = {"GetItem"}
    status, answer, _ = ask(http, request("GET", f"/orders/{ORDER_ID}"))
    assert (status, answer["orderId"]) == (HTTPStatus.SERVICE_UNAVAILABLE, str(ORDER_ID))


def ask(http: Any, event: dict[str, Any]) -> tuple[HTTPStatus, dict[str, Any], dict[str, list[str]]]:
    """Returns the answer's status, content and headers."""
    answer = http.handler(event, CONTEXT)
    return HTTPStatus(answer["statusCode"]), json.loads(answer["body"]), answer["multiValueHeaders"]


@pytest.mark.parametrize("operation", ["GetItem", "PutItem", "PutEvents"])
def test_what_is_throttled_is_tried_again(endpoint: Endpoint, operation: str) -> None:
    payment = load("payment.app")
    endpoint.errors[operation] = [THROTTLED] * (ATTEMPTS - 1)
    payment.handler(envelope(a(ShipmentFail)), CONTEXT)
    assert endpoint.asked == Counter(GetItem=1, PutItem=1, PutEvents=1) + Counter({operation: ATTEMPTS - 1})


def test_what_is_throttled_for_long_is_an_error(endpoint: Endpoint, counted: Counted) -> None:
    payment = load("payment.app")
    endpoint.errors["PutItem"] = [THROTTLED] * ATTEMPTS
    with pytest.raises(ClientError):
        payment.handler(envelope(a(ShipmentFail)), CONTEXT)
    assert counted()["Failures"] == 1


def test_a_throttled_transaction_is_tried_again(endpoint: Endpoint, counted: Counted) -> None:
    inventory = load("inventory.app")
    endpoint.errors["TransactWriteItems"] = [CANCELLED] * ATTEMPTS
    inventory.service._pause = lambda _: None
    inventory.handler(envelope(a(OrderCreated, product_id="apple", quantity=1)), CONTEXT)
    assert endpoint.asked["TransactWriteItems"] == ATTEMPTS + 1
    assert endpoint.asked["PutEvents"] == 1
    assert counted()["Throttles"] == ATTEMPTS


def test_a_write_that_is_applied_and_not_answered_is_found(endpoint: Endpoint, counted: Counted) -> None:
    """The SDK tries again, and fails on its own write: the event is found heard, and its fact is told."""
    payment = load("payment.app")
    endpoint.unanswered = {"PutItem"}
    payment.handler(envelope(a(ShipmentFail)), CONTEXT)
    assert endpoint.asked == Counter(GetItem=1, PutItem=2, PutEvents=1)
    assert counted()["Conflicts"] == 1


def test_a_fact_that_is_told_and_not_answered_is_told_again(endpoint: Endpoint) -> None:
    payment = load("payment.app")
    endpoint.unanswered = {"PutEvents"}
    payment.handler(envelope(a(ShipmentFail)), CONTEXT)
    assert endpoint.asked == Counter(GetItem=1, PutItem=1, PutEvents=2)


def test_a_transaction_that_is_applied_and_not_answered_is_the_same_one_again(endpoint: Endpoint) -> None:
    """DynamoDB knows a transaction by its token, and answers as the first time."""
    inventory = load("inventory.app")
    endpoint.unanswered = {"TransactWriteItems"}
    inventory.handler(envelope(a(OrderCreated, product_id="apple", quantity=1)), CONTEXT)
    [first, second] = endpoint.tokens
    assert first == second
    assert endpoint.asked["PutEvents"] == 1
