"""What an invocation costs above the bare SDK: a handler's CPU time beside that of the SDK calls that it makes."""

import contextlib
import copy
import gc
import io
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from uuid import UUID

import boto3
from botocore import xform_name
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from contracts.events import EVENTS
from sagactl.bench.comparison import Compared, compare
from sagactl.bench.meter import PRICES
from sagactl.design import choreography, samples
from sagactl.local import functions
from sagactl.local.functions import CONTEXT
from sagactl.local.in_process import polled

_REPETITIONS = 50  # between two looks at the clock
_BATCHES = 10
_STOCK = {"Item": {"productId": {"S": "item-001"}, "available": {"N": "500"}}}
_ANSWERS: dict[str, Any] = {
    "PutEvents": {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]},
    "BatchWriteItem": {"UnprocessedItems": {}},
    "UpdateItem": {"Attributes": {"OrderCreated": {"S": ""}}},
}
BATCH_EVENTS = 400  # that the journal gets at once at 500 sagas a second

type Call = tuple[Callable[..., Any], dict[str, Any]]  # a client's method, and its arguments


def compare_invocations(pairs: int) -> dict[str, Compared]:
    """Returns each service's mean over the events that it hears of a saga that completes."""
    with _stubbed_sdk():
        return {name: _compare(name, pairs) for name in choreography.services()}


def journal_batch_seconds(orders: int) -> float:
    """Returns the CPU time of the journal for a full batch with events of so many orders; the best of a few."""
    with _stubbed_sdk():
        app = functions.load("journal.app")
        batch = polled(*_events_of(orders))
        return min(_seconds(lambda: app.handler(batch, CONTEXT), 1) for _ in range(_BATCHES))


def _events_of(orders: int) -> Iterator[dict[str, Any]]:
    names = [name for name in EVENTS if choreography.kind_of(name) == "progress"]
    for number in range(BATCH_EVENTS):
        envelope = samples.envelope(names[number % len(names)])
        order_id = str(UUID(int=number * orders // BATCH_EVENTS))
        yield envelope | {"id": str(UUID(int=number)), "detail": envelope["detail"] | {"orderId": order_id}}


def dollars_per_million(cpu_seconds: float) -> float:
    """What so much CPU adds to the price of a million invocations.

    The function's memory makes no difference: with half of it, a function has half a share of a vCPU, runs twice as
    long, and pays half as much for a second.
    """
    compute = PRICES["compute"]
    gigabyte_seconds = cpu_seconds * compute["vcpu_megabytes"] / 1024
    return float(gigabyte_seconds * compute["gb_second"] * 1_000_000)


class _HeardEvent(NamedTuple):
    """An event that a service hears, GetItem's answer about its order then, and the handler's SDK calls."""

    envelope: dict[str, Any]
    entry: dict[str, Any]
    calls: list[Call]


def _compare(service: str, pairs: int) -> Compared:
    handler, events = _heard_events(service)

    def own() -> None:
        for event in events:
            _ANSWERS["GetItem"] = event.entry
            handler(event.envelope, CONTEXT)

    def bare() -> None:
        for event in events:
            _ANSWERS["GetItem"] = event.entry
            for method, arguments in event.calls:
                method(**arguments)

    _seconds(own, _REPETITIONS)  # to warm up
    _seconds(bare, _REPETITIONS)
    count = len(events)
    return compare(lambda: _seconds(own, _REPETITIONS) / count, lambda: _seconds(bare, _REPETITIONS) / count, pairs)


def _heard_events(service: str) -> tuple[Callable[..., None], list[_HeardEvent]]:
    """The service's handler, and what it hears of a saga that completes."""
    app = functions.load(f"{service}.app")
    clients = [app.service.ledger.client, app.service.bus._client]
    events: list[_HeardEvent] = []
    entry: dict[str, Any] = {}
    for kind in choreography.hears_of(service):
        if choreography.kind_of(kind.name) != "progress":
            continue
        event = _HeardEvent(samples.envelope(kind.name), entry, [])
        _ANSWERS["GetItem"] = entry
        with _recorded(clients, event.calls):
            app.handler(event.envelope, CONTEXT)
        entry = _written_entry(event.calls) or entry
        events.append(event)
    return app.handler, events


@contextmanager
def _recorded(clients: list[Any], calls: list[Call]) -> Iterator[None]:
    """Adds the calls that the clients make in the block."""
    for client in clients:
        client.meta.events.register("before-parameter-build", _recorder(client, calls), "record")
    yield
    for client in clients:
        client.meta.events.unregister("before-parameter-build", unique_id="record")


def _recorder(client: Any, calls: list[Call]) -> Callable[..., None]:
    def record(params: dict[str, Any], model: Any, **_: Any) -> None:
        calls.append((getattr(client, xform_name(model.name)), copy.deepcopy(params)))

    return record


def _written_entry(calls: list[Call]) -> dict[str, Any]:
    """GetItem's answer after these calls, or nothing if they write nothing."""
    for method, arguments in calls:
        if method.__name__ == "put_item":
            return {"Item": arguments["Item"]}
        if method.__name__ == "transact_write_items":
            return {"Item": arguments["TransactItems"][0]["Put"]["Item"]}
    return {}


def _seconds(function: Callable[[], Any], repetitions: int) -> float:
    gc.collect()
    started = time.process_time()
    for _ in range(repetitions):
        function()
    return (time.process_time() - started) / repetitions


@contextmanager
def _stubbed_sdk() -> Iterator[None]:
    """Answers each request where it would be sent, so that the SDK does all its work before and after that."""
    settings = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
    with functions.nobodys_shell(settings), contextlib.redirect_stdout(io.StringIO()):
        boto3.setup_default_session()
        boto3.DEFAULT_SESSION.events.register("before-send", _answer)  # type: ignore[union-attr,arg-type]  # set above
        try:
            yield
        finally:
            boto3.DEFAULT_SESSION = None


class _Body(io.BytesIO):
    def stream(self) -> Iterator[bytes]:
        yield self.read()


def _answer(request: Any, **_: Any) -> AWSResponse:
    operation = request.headers["X-Amz-Target"].decode().rpartition(".")[2]
    is_about_stock = operation == "GetItem" and b"StockTable" in request.body
    answer = _STOCK if is_about_stock else _ANSWERS.get(operation, {})
    body: Any = _Body(json.dumps(answer).encode())  # in place of urllib3's
    return AWSResponse(request.url, 200, HTTPHeaders(), body)
