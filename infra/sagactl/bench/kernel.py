"""What the kernel adds: each service hears its first event, beside the very calls that it makes, made bare."""

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

from saga.observe import logger
from sagactl import choreography, loading
from sagactl.catalogue import samples

_AT_ONCE = 50  # reactions between two looks at the clock
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
        return {name: _time(name, choreography.hears_of(name)[0].__name__, pairs) for name in choreography.services()}


def _time(service: str, event: str, pairs: int) -> Timed:
    app, envelope = loading.load(f"{service}.app"), samples.envelope(event)
    clients = (app.service.ledger.client, app.service.bus._client)
    calls: list[Callable[[], Any]] = []
    for client in clients:
        client.meta.events.register("before-parameter-build", _recorder(client, calls), "record")
    app.handler(envelope, None)
    for client in clients:
        client.meta.events.unregister("before-parameter-build", unique_id="record")

    def bare() -> None:
        for call in calls:
            call()

    def own() -> None:
        app.handler(envelope, None)

    _seconds(own), _seconds(bare)
    measured = [(_seconds(own), _seconds(bare)) for _ in range(pairs)]
    return Timed.of(measured)


def _recorder(client: Any, calls: list[Callable[[], Any]]) -> Callable[..., None]:
    def record(params: dict[str, Any], model: Any, **_: Any) -> None:
        method, arguments = getattr(client, xform_name(model.name)), copy.deepcopy(params)
        calls.append(lambda: method(**arguments))

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
    sink = io.StringIO()
    settings = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
    with patch.dict(os.environ, settings), contextlib.redirect_stdout(sink):
        boto3.setup_default_session()
        boto3.DEFAULT_SESSION.events.register("before-send", _answer)  # type: ignore[union-attr,arg-type]  # set above
        before = logger.registered_handler.setStream(sink)  # type: ignore[attr-defined]  # a StreamHandler
        try:
            yield
        finally:
            logger.registered_handler.setStream(before)  # type: ignore[attr-defined]  # a StreamHandler
            boto3.DEFAULT_SESSION = None


class _Body(io.BytesIO):
    def stream(self) -> Iterator[bytes]:
        yield self.read()


def _answer(request: Any, **_: Any) -> AWSResponse:
    operation = request.headers["X-Amz-Target"].decode().rpartition(".")[2]
    of_stock = operation == "GetItem" and b"StockTable" in request.body
    answer = _STOCK if of_stock else _ANSWERS.get(operation, {})
    return AWSResponse(request.url, 200, {}, _Body(json.dumps(answer).encode()))  # type: ignore[arg-type]
