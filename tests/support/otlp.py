"""An OpenTelemetry backend that keeps what it is sent, read with the protocol's own messages."""

import base64
import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped]  # it has no types
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Span(NamedTuple):
    service: str
    attributes: dict[str, Any]
    proto: Any

    @property
    def told(self) -> str:
        """The event that it stands for; empty for the order's own span."""
        return str(self.attributes.get("saga.event.told", ""))

    @property
    def end_ms(self) -> int:
        return int(self.proto.end_time_unix_nano) // 1_000_000

    def as_json(self) -> dict[str, Any]:
        """As OTLP has it in JSON: with ids in hexadecimal digits."""
        fields: dict[str, Any] = MessageToDict(self.proto)
        return fields | {name: base64.b64decode(fields[name]).hex() for name in ("traceId", "spanId", "parentSpanId")}


class Receiver(ThreadingHTTPServer):
    """Answers with `status`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.status = 200
        self.paths: list[str] = []
        self.requests: list[ExportTraceServiceRequest] = []

    def spans(self) -> list[Span]:
        return [
            Span(_values(resource.resource)["service.name"], _values(span), span)
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.server.paths.append(self.path)
        self.server.requests.append(ExportTraceServiceRequest.FromString(body))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()


def _values(carrier: Any) -> dict[str, Any]:
    return {one.key: one.value.string_value for one in carrier.attributes}


@contextmanager
def receiving() -> Iterator[Receiver]:
    with Receiver() as receiver:
        threading.Thread(target=receiver.serve_forever, daemon=True).start()
        yield receiver
        receiver.shutdown()
