"""Spans, sent to an OpenTelemetry backend in its own protocol, OTLP over HTTP.

The settings are OpenTelemetry's: OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS and so on. AWS's own endpoint,
https://xray.REGION.amazonaws.com/v1/traces, takes what is signed with SigV4.
"""

import logging
import os
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import requests
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from requests.auth import AuthBase

from sagactl import environment
from sagactl.errors import SagaError

_PATH = "/v1/traces"
_USUAL = "http://127.0.0.1:4318"
_AWS = re.compile(r"xray\.([a-z0-9-]+)\.(?:amazonaws\.com|api\.aws)")


class Backend:
    """What takes spans. Without a URL it is the one that OpenTelemetry's variables name, or else port 4318 here."""

    def __init__(self, url: str | None = None) -> None:
        """Raises SagaError if the URL is not one."""
        self.url = _address(url)
        host = urlsplit(self.url).hostname or ""
        session = None
        if environment.is_loopback(host):
            session = requests.Session()
            session.trust_env = False  # or it might ask a proxy for what is on this machine
        if match := _AWS.fullmatch(host):
            session = requests.Session()
            session.auth = _SigV4(match[1])
        self._exporter = OTLPSpanExporter(endpoint=self.url, session=session)

    def send(self, spans: Sequence[ReadableSpan]) -> None:
        """Raises SagaError if the backend does not take them."""
        said = _Said()
        log = logging.getLogger("opentelemetry.exporter.otlp.proto.http.trace_exporter")
        log.addHandler(said)
        log.propagate = False
        try:
            taken = self._exporter.export(spans) is SpanExportResult.SUCCESS
        finally:
            log.removeHandler(said)
        if not taken:
            why = said.lines[-1] if said.lines else "it gave no reason"
            raise SagaError(f"{self.url} did not take the traces: {why}", "Check that an OTLP receiver answers there")


class _Said(logging.Handler):
    """What the exporter logs, which is all that it tells of a failure."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(" ".join(record.getMessage().split()))


class _SigV4(AuthBase):
    def __init__(self, region: str) -> None:
        import boto3

        self._region = region
        self._credentials: Any = boto3.Session().get_credentials()
        if self._credentials is None:
            raise SagaError("There are no AWS credentials", "Log in, or set AWS_PROFILE")

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        signed = AWSRequest(
            request.method, request.url, {"Content-Type": request.headers["Content-Type"]}, request.body
        )
        SigV4Auth(self._credentials, "xray", self._region).add_auth(signed)
        request.headers.update(dict(signed.headers))
        return request


def _address(url: str | None) -> str:
    """Returns where traces go. A base URL gets the path that OTLP has; OpenTelemetry's first variable has its own."""
    for_traces = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    if for_traces and not url:
        return for_traces
    given = url or os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or _USUAL
    try:
        parts = urlsplit(given)
        is_one = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a host in brackets that end nowhere, a port that is no number
        is_one = False
    if not is_one:
        raise SagaError(f"Not the address of an OTLP receiver: {given!r}", "Give one such as http://127.0.0.1:4318")
    if parts.path in {"", "/"}:
        return parts._replace(path=_PATH).geturl()
    return given if url else given.rstrip("/") + _PATH
