"""Every role grants what its function needs, and nothing else: shown on the whole saga, with the roles enforced.

Each AWS call that a handler makes is put to its role's policies; one that is not granted fails. Then every single thing
granted is taken away, and some call must be denied. What Lambda itself does in a function's name no handler asks for:
that is listed in sagactl/checks/policies.py.
"""

import copy
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
from support.deployment import CONTEXT, environment, load
from support.emulation import Heard, create_tables
from support.given import a, envelope

from contracts.events import OrderCreated
from contracts.values import Amount
from saga.event import Timestamp
from sagactl.checks import patterns, policies
from sagactl.checks.policies import Call
from sagactl.design import template
from sagactl.design.template import Function, listed

FUNCTIONS = template.functions()


class Denied(Exception):
    """The role does not allow the call."""


class Saga:
    """The functions behind the template's rules, each with its own role; events are delivered one after the other."""

    def __init__(self, heard: Heard) -> None:
        self.calls: dict[str, set[Call]] = {function.name: set() for function in FUNCTIONS}
        self._heard, self._running = heard, ""
        boto3.DEFAULT_SESSION.events.register("provide-client-params.*.*", self._authorise)  # type: ignore[union-attr]
        self._modules = {function.name: load(function.module) for function in FUNCTIONS}
        self._granted = {function.name: policies.statements(function) for function in FUNCTIONS}

    def invoke(self, name: str, event: Any) -> Any:
        self._running = name
        try:
            return self._modules[name].handler(event, CONTEXT)
        finally:
            self._running = ""

    def deliver(self) -> list[str]:
        """Hands every event on the bus to those who hear it, until it is quiet; gives the names of all."""
        told = []
        while envelopes := self._heard():
            for delivered in envelopes:
                told.append(delivered["detail-type"])
                for rule in template.rules():
                    if rule.function and rule.pattern and patterns.matches(rule.pattern, _header(delivered)):
                        self.invoke(rule.function.name, delivered)
                self.invoke("JournalFunction", _polled(delivered))
        return told

    def order(self, **fields: Any) -> list[str]:
        created = a(OrderCreated, **({"order_id": uuid4(), "product_id": "item-001"} | fields))
        boto3.client("events").put_events(Entries=[_entry(envelope(created))])
        return self.deliver()

    def http(self, method: str, path: str, body: str | None = None) -> Any:
        resource = "/orders" if method == "POST" else "/orders/{orderId}"
        event = {"httpMethod": method, "path": path, "resource": resource, "body": body}
        headers = {"Content-Type": "application/json"}
        answer = self.invoke("OrderHttpFunction", event | {"headers": headers, "requestContext": {"accountId": "1"}})
        return json.loads(answer["body"])

    def _authorise(self, params: Any, model: Any, **_: Any) -> None:
        if not self._running:
            return  # the test itself asks
        for call in _calls(model.service_model.service_name, model.name, params):
            if not policies.allowed(self._granted[self._running], call):
                raise Denied(f"{self._running}: {call}")
            self.calls[self._running].add(call)


def _calls(service: str, operation: str, params: Any) -> list[Call]:
    """What AWS authorises a call by: each write of a transaction, and each entry of PutEvents, by itself."""
    if operation == "TransactWriteItems":
        return [
            Call(f"dynamodb:{kind}Item", _arn(write["TableName"]))
            for item in params["TransactItems"]
            for kind, write in item.items()
        ]
    if operation == "PutEvents":
        keys = (("events:source", "Source"), ("events:detail-type", "DetailType"))
        entries = params["Entries"]
        return [Call("events:PutEvents", _arn(e["EventBusName"]), tuple((k, e[f]) for k, f in keys)) for e in entries]
    assert service == "dynamodb"
    index = f"/index/{params['IndexName']}" if "IndexName" in params else ""
    return [Call(f"dynamodb:{operation}", _arn(params["TableName"]) + index)]


def _arn(logical_id: str) -> str:
    """In the tests' environment, resources go by their logical ids."""
    return f"${{{logical_id}.Arn}}"


def _header(delivered: Any) -> dict[str, str]:
    return {key: delivered[key] for key in ("source", "detail-type")}


def _entry(delivered: Any) -> Any:
    detail = json.dumps(delivered["detail"])
    header = {"Source": delivered["source"], "DetailType": delivered["detail-type"]}
    return header | {"EventBusName": environment("order.app.handler")["BUS_NAME"], "Detail": detail}


def _polled(delivered: Any) -> Any:
    record = {"messageId": "1", "body": json.dumps(delivered), "attributes": {"SentTimestamp": "1790000000000"}}
    return {"Records": [record | {"receiptHandle": "1", "eventSource": "aws:sqs", "messageAttributes": {}}]}


@contextmanager
def long_ago() -> Iterator[None]:
    """What is recorded meanwhile is a deadline and a little old."""
    deadline = timedelta(seconds=int(environment("order.watchdog.handler")["DEADLINE_SECONDS"]) + 10)
    with patch.object(Timestamp, "now", lambda: Timestamp.of(datetime.now(UTC) - deadline)):
        yield


@pytest.fixture(scope="module")
def saga() -> Iterator[Saga]:
    with mock_aws():
        boto3.setup_default_session()
        create_tables(boto3.client("dynamodb"))
        stock = {"productId": {"S": "item-001"}, "available": {"N": "500"}}
        boto3.client("dynamodb").put_item(TableName="StockTable", Item=stock)
        yield Saga(Heard())
    boto3.setup_default_session()


@pytest.fixture(scope="module")
def asked(saga: Saga) -> dict[str, set[Call]]:
    """Every call of every function on every way a saga can go, none of them denied."""
    body = json.dumps({"productId": "item-001", "quantity": 2, "amount": 1000})
    order_id = saga.http("POST", "/orders", body)["orderId"]
    assert saga.deliver()[-1] == "ShipmentOK"
    assert saga.http("GET", f"/orders/{order_id}")["status"] == "COMPLETED"
    assert saga.order(amount=Amount(10_001))[-1] == "OrderFailed"
    assert saga.order(quantity=501)[-1] == "OrderFailed"
    assert "ShipmentFail" in saga.order(quantity=101)
    assert {"PaymentFail", "StockFailed"} <= set(saga.order(quantity=501, amount=Amount(10_001)))
    with long_ago():
        saga.http("POST", "/orders", body)
    saga._heard()  # OrderCreated is lost, so that the order stays open
    saga.invoke("OrderWatchdogFunction", {})
    assert saga.deliver()[-1] == "OrderFailed"
    return saga.calls


def test_the_saga_passes_with_every_role_enforced(asked: dict[str, set[Call]]) -> None:
    assert all(asked.values())


def test_a_call_beyond_the_role_is_denied(saga: Saga) -> None:
    module = saga._modules["PaymentFunction"]
    with patch.object(module.service.ledger, "table", "StockTable"), pytest.raises(Denied, match=r"StockTable\.Arn"):
        saga.invoke("PaymentFunction", envelope(a(OrderCreated)))


def less(statements: list[dict[str, Any]]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The statements without one of all the things that they grant: an action, a resource, a value of a condition."""
    for number, statement in enumerate(statements):
        places = [(statement, "Action"), (statement, "Resource")]
        places += [(keys, key) for keys in statement.get("Condition", {}).values() for key in keys]
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
    needs = asked[function.name] | set(policies.platform_calls(function))
    granted = policies.statements(function)
    assert all(policies.allowed(granted, call) for call in needs)
    return [what for what, reduced in less(granted) if all(policies.allowed(reduced, call) for call in needs)]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.name)
def test_without_any_single_thing_granted_a_call_is_denied(function: Function, asked: dict[str, set[Call]]) -> None:
    assert unneeded(function, asked) == []


def test_a_grant_too_much_is_noticed(asked: dict[str, set[Call]], monkeypatch: pytest.MonkeyPatch) -> None:
    function = next(function for function in FUNCTIONS if function.name == "PaymentFunction")
    granted = copy.deepcopy(policies.statements(function))
    granted[0]["Action"].append("dynamodb:DeleteItem")
    monkeypatch.setattr(policies, "statements", lambda _: granted)
    assert unneeded(function, asked) == ["RecallAndRecord: Action dynamodb:DeleteItem"]
