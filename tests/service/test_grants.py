"""Every role grants what its function needs, and nothing else: tried on the whole saga, with the roles enforced.

Each AWS call that a handler makes is checked against its role's policies, and fails if they do not allow it. Then each
single thing that a role grants is taken away, and some call must be denied. The calls that Lambda itself makes with a
function's role are listed in sagactl/checks/iam.py.
"""

import copy
import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import boto3
import pytest
from moto import mock_aws
from support.emulation import Heard, create_tables
from support.given import a, envelope

from contracts.events import OrderCreated
from contracts.values import Amount
from saga.bus import EventBridgeBus
from saga.event import Timestamp
from sagactl.checks import event_patterns, iam
from sagactl.checks.iam import Call
from sagactl.design import template
from sagactl.design.template import Function, listed
from sagactl.design.ways import PRODUCT, UNITS, Way, all_ways
from sagactl.local.functions import environment
from sagactl.local.in_process import Envelope, InProcess, request

FUNCTIONS = template.functions()


class Denied(Exception):
    """The role does not allow the call."""


class Enforced(InProcess):
    """The saga behind the template's rules, where each function may do what its role grants; notes every call."""

    def __init__(self, heard: Heard) -> None:
        self.calls: dict[str, set[Call]] = {function.module: set() for function in FUNCTIONS}
        self._granted = {function.module: iam.statements(function) for function in FUNCTIONS}
        self._running = ""
        assert boto3.DEFAULT_SESSION
        boto3.DEFAULT_SESSION.events.register("provide-client-params.*.*", self._authorise)
        super().__init__(heard)

    def invoke(self, module: str, event: Any) -> Any:
        self._running = module
        try:
            return super().invoke(module, event)
        finally:
            self._running = ""

    def hearers(self, envelope: Envelope) -> list[str]:
        return [
            rule.function.module
            for rule in template.rules()
            if rule.function and rule.pattern and event_patterns.matches(rule.pattern, envelope)
        ]

    def order(self, way: Way) -> list[str]:
        """Puts an OrderCreated on the bus; returns the names of all events that follow."""
        created = OrderCreated(uuid4(), PRODUCT, way.quantity, Amount(way.amount), timestamp=Timestamp.now())
        EventBridgeBus(boto3.client("events"), environment("order.app")["BUS_NAME"]).tell([created])
        return self.deliver()

    def post(self, way: Way) -> str:
        """Places an order by POST; returns its ID."""
        answer = self.invoke("order.http", request("POST", "/orders", json.dumps(way.wanted)))
        return str(json.loads(answer["body"])["orderId"])

    def get(self, order_id: str) -> Any:
        answer = self.invoke("order.http", request("GET", f"/orders/{order_id}"))
        return json.loads(answer["body"])

    def cancel(self, order_id: str) -> None:
        self.invoke("order.http", request("POST", f"/orders/{order_id}/cancel"))

    def _authorise(self, params: Any, model: Any, **_: Any) -> None:
        if not self._running:
            return  # the test itself asks
        for call in _calls(model.service_model.service_name, model.name, params):
            if not iam.allowed(self._granted[self._running], call):
                raise Denied(f"{self._running}: {call}")
            self.calls[self._running].add(call)


def _calls(service: str, operation: str, params: Any) -> list[Call]:
    """What AWS authorises a call by: each write of a transaction, and each entry of PutEvents, by itself."""
    if operation == "TransactWriteItems":
        writes = itertools.chain.from_iterable(item.items() for item in params["TransactItems"])
        return [Call(f"dynamodb:{kind}Item", _arn(write["TableName"])) for kind, write in writes]
    if operation == "PutEvents":
        keys = (("events:source", "Source"), ("events:detail-type", "DetailType"))
        entries = params["Entries"]
        return [Call("events:PutEvents", _arn(e["EventBusName"]), tuple((k, e[f]) for k, f in keys)) for e in entries]
    assert service == "dynamodb"
    if operation == "BatchWriteItem":
        return [Call(f"dynamodb:{operation}", _arn(table)) for table in params["RequestItems"]]
    index = f"/index/{params['IndexName']}" if "IndexName" in params else ""
    return [Call(f"dynamodb:{operation}", _arn(params["TableName"]) + index)]


def _arn(logical_id: str) -> str:
    """In the tests' environment, resources go by their logical ids."""
    return f"${{{logical_id}.Arn}}"


@contextmanager
def long_ago() -> Iterator[None]:
    """What is recorded meanwhile is a deadline and a little old."""
    deadline = timedelta(seconds=int(environment("order.watchdog")["DEADLINE_SECONDS"]) + 10)
    with patch.object(Timestamp, "now", lambda: Timestamp.of(datetime.now(UTC) - deadline)):
        yield


@pytest.fixture(scope="module")
def saga() -> Iterator[Enforced]:
    with mock_aws():
        boto3.setup_default_session()
        create_tables(boto3.client("dynamodb"))
        stock = {"productId": {"S": PRODUCT}, "available": {"N": str(UNITS)}}
        boto3.client("dynamodb").put_item(TableName="StockTable", Item=stock)
        yield Enforced(Heard())
    boto3.setup_default_session()


@pytest.fixture(scope="module")
def asked(saga: Enforced) -> dict[str, set[Call]]:
    """Every call of every function on every way a saga can go, none of them denied."""
    ways = all_ways()
    told = {name: saga.order(way) for name, way in ways.items()}
    assert "ShipmentOK" in told["completed"]
    assert "OrderFailed" in told["payment_failed"]
    assert "OrderFailed" in told["stock_failed"]
    assert "ShipmentFail" in told["shipment_failed"]
    assert {"PaymentFail", "StockFailed"} <= set(told["payment_and_stock_failed"])

    order_id = saga.post(ways["completed"])
    assert "ShipmentOK" in saga.deliver()
    assert saga.get(order_id)["status"] == "COMPLETED"

    cancelled = saga.post(ways["completed"])
    saga.cancel(cancelled)
    told_of_cancelled = saga.deliver()
    assert "OrderCancelled" in told_of_cancelled

    with long_ago():
        saga.post(ways["completed"])
    assert saga.deliver(lost=["OrderCreated"]) == ["OrderCreated"]
    saga.invoke("order.watchdog", {})
    assert "OrderFailed" in saga.deliver()
    return saga.calls


def test_the_saga_works_with_every_role_enforced(asked: dict[str, set[Call]]) -> None:
    assert all(asked.values())


def test_a_call_that_is_not_granted_is_denied(saga: Enforced) -> None:
    ledger = saga.modules["payment.app"].service.ledger
    with patch.object(ledger, "table", "StockTable"), pytest.raises(Denied, match=r"StockTable\.Arn"):
        saga.invoke("payment.app", envelope(a(OrderCreated)))


def less(statements: list[dict[str, Any]]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The statements without one of all the things that they grant: an action, a resource, a value of a condition."""
    for number, statement in enumerate(statements):
        places = [(statement, "Action"), (statement, "Resource")]
        for keys in statement.get("Condition", {}).values():
            places += [(keys, key) for key in keys]
        for holder, key in places:
            for value in listed(holder[key]):
                reduced = copy.deepcopy(statements)
                kept = [other for other in listed(holder[key]) if other != value]
                _same_place(reduced[number], statement, holder)[key] = kept
                yield f"{statement['Sid']}: {key} {value}", reduced


def _same_place(reduced: Any, statement: Any, holder: Any) -> Any:
    if holder is statement:
        return reduced
    test = next(test for test, keys in statement["Condition"].items() if keys is holder)
    return reduced["Condition"][test]


def unneeded(function: Function, asked: dict[str, set[Call]]) -> list[str]:
    needs = asked[function.module] | set(iam.platform_calls(function))
    granted = iam.statements(function)
    assert all(iam.allowed(granted, call) for call in needs)
    return [what for what, reduced in less(granted) if all(iam.allowed(reduced, call) for call in needs)]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.name)
def test_everything_that_a_role_grants_is_needed(function: Function, asked: dict[str, set[Call]]) -> None:
    assert unneeded(function, asked) == []


def test_a_needless_grant_is_found(asked: dict[str, set[Call]], monkeypatch: pytest.MonkeyPatch) -> None:
    function = next(function for function in FUNCTIONS if function.name == "PaymentFunction")
    granted = copy.deepcopy(iam.statements(function))
    granted[0]["Action"].append("dynamodb:DeleteItem")
    monkeypatch.setattr(iam, "statements", lambda _: granted)
    assert unneeded(function, asked) == ["RecallAndRecord: Action dynamodb:DeleteItem"]
