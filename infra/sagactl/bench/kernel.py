"""What the kernel adds: a service hears what completes a saga, beside the very calls that it makes, made bare."""

import contextlib
import copy
import gc
import io
import json
import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, Self
from unittest.mock import patch

import boto3
from botocore import xform_name
from botocore.awsrequest import AWSResponse

from sagactl.design import choreography, samples
from sagactl.local import loading
from sagactl.local.loading import CONTEXT

_AT_ONCE = 50  # sagas between two looks at the clock
_STOCK = {"Item": {"productId": {"S": "item-001"}, "available": {"N": "500"}}}
_ANSWERS: dict[str, Any] = {"PutEvents": {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}}


class Timed(NamedTuple):
    """Medians: of the seconds of each kind, and of the ratios of the pairs, which a busy machine changes least."""

    own: float
    bare: float
    ratio: float

    @classmethod
    def of(cls, pairs: list[tuple[float, float]]) -> Self:
        ratios = [own / bare for own, bare in pairs]
        return cls(*map(statistics.median, (*zip(*pairs, strict=True), ratios)))

    def fields(self) -> dict[str, float]:
        return {"ratio": round(self.ratio, 3), "seconds": round(self.own, 6), "bare_seconds": round(self.bare, 6)}


def time_kernel(pairs: int) -> dict[str, Timed]:
    """By service, in CPU seconds of one reaction."""
    with _stubbed():
        return {name: _time(name, pairs) for name in choreography.services()}


class _Step(NamedTuple):
    """One event that a service hears: what its table then holds of the order, and the SDK calls that it makes."""

    envelope: dict[str, Any]
    item: dict[str, Any]
    calls: list[tuple[Callable[..., Any], dict[str, Any]]]


def _time(service: str, pairs: int) -> Timed:
    handler, steps = _steps(service)

    def own() -> None:
        for step in steps:
            _ANSWERS["GetItem"] = step.item
            handler(step.envelope, CONTEXT)

    def bare() -> None:
        for step in steps:
            _ANSWERS["GetItem"] = step.item
            for method, arguments in step.calls:
                method(**arguments)

    _seconds(own), _seconds(bare)
    return Timed.of([(_seconds(own) / len(steps), _seconds(bare) / len(steps)) for _ in range(pairs)])


def _steps(service: str) -> tuple[Callable[..., None], list[_Step]]:
    """The service's handler, and what it hears of a saga that completes."""
    app = loading.load(f"{service}.app")
    clients = (app.service.ledger.client, app.service.bus._client)
    heard = [event.name for event in choreography.hears_of(service)]
    steps: list[_Step] = []
    item: dict[str, Any] = {}
    for name in (name for name in heard if choreography.kind_of(name) == "progress"):
        step = _Step(samples.envelope(name), item, [])
        _ANSWERS["GetItem"] = item
        for client in clients:
            client.meta.events.register("before-parameter-build", _recorder(client, step.calls), "record")
        app.handler(step.envelope, CONTEXT)
        for client in clients:
            client.meta.events.unregister("before-parameter-build", unique_id="record")
        item = _recorded(step.calls)
        steps.append(step)
    return app.handler, steps


def _recorded(calls: list[tuple[Callable[..., Any], dict[str, Any]]]) -> dict[str, Any]:
    """GetItem's answer from now on."""
    for method, arguments in calls:
        if method.__name__ == "put_item":
            return {"Item": arguments["Item"]}
        if method.__name__ == "transact_write_items":
            return {"Item": arguments["TransactItems"][0]["Put"]["Item"]}
    raise AssertionError("nothing is recorded")


def _recorder(client: Any, calls: list[tuple[Callable[..., Any], dict[str, Any]]]) -> Callable[..., None]:
    def record(params: dict[str, Any], model: Any, **_: Any) -> None:
        calls.append((getattr(client, xform_name(model.name)), copy.deepcopy(params)))

    return record


def _seconds(function: Callable[[], Any]) -> float:
    gc.collect()
    started = time.process_time()
    for _ in range(_AT_ONCE):
        function()
    return (time.process_time() - started) / _AT_ONCE


@contextmanager
def _stubbed() -> Iterator[None]:
    """Every request is answered where it would be sent: all that the SDK does before and after is done."""
    settings = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
    with patch.dict(os.environ, settings), contextlib.redirect_stdout(io.StringIO()):
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
    of_stock = operation == "GetItem" and b"StockTable" in request.body
    answer = _STOCK if of_stock else _ANSWERS.get(operation, {})
    return AWSResponse(request.url, 200, {}, _Body(json.dumps(answer).encode()))  # type: ignore[arg-type]
