"""Orders as traces: what an OpenTelemetry backend is sent, read with the protocol's own messages."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
import requests
from support.documents import blocks
from support.given import ORDER_ID, a, detail
from support.otlp import Receiver, Span, receiving
from typer.testing import CliRunner, Result

from contracts.events import EVENTS
from saga.event import Metadata, Timestamp
from sagactl.cli import app
from sagactl.commands import export as commands_export
from sagactl.commands import trace as commands_trace
from sagactl.paths import PROJECT
from sagactl.stack import aws, entries, export, journal, otlp
from sagactl.stack.deployed_stack import Stack

CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
ERROR, UNSET = 2, 0
PRODUCER, CONSUMER = 4, 5
STACK = Stack(aws.Target(None), {"BusName": "saga"})


def at(ms: int) -> Timestamp:
    return Timestamp(f"2026-01-31T12:00:00.{ms:03}Z")


def item(name: str, ms: int, cause: str | None = None, event_id: str = "", **metadata: Any) -> dict[str, Any]:
    """An event as the journal has it, under its own name if no id is given."""
    event = a(EVENTS[name], timestamp=at(ms), metadata=Metadata(cause, **metadata))
    fields = {"toldAt": at(ms), "arrivedAt": at(ms + 5), "eventId": event_id or name, "detailType": name}
    return fields | {"source": event.source, "detail": json.dumps(detail(event)), "sort": f"{at(ms)}#{event_id}"}


REFUSED = [
    item("OrderCreated", 0),
    item("StockReserved", 30, "OrderCreated"),
    item("PaymentOK", 95, "OrderCreated"),
    item("ShipmentFail", 180, "PaymentOK"),
    item("StockRelease", 225, "ShipmentFail"),
    item("PaymentCancel", 290, "ShipmentFail"),
    item("OrderFailed", 670, "PaymentCancel"),
]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def journaled(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the journal has of the order."""
    items = list(REFUSED)
    monkeypatch.setattr(journal, "events", lambda *_: items)
    monkeypatch.setattr(entries, "entries", lambda *_: dict.fromkeys(("order", "payment", "inventory", "shipping")))
    for command in (commands_trace, commands_export):
        monkeypatch.setattr(command, "find", lambda **_: STACK)
    return items


def trace(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["trace", str(ORDER_ID), *arguments])


def sent(receiver: Receiver) -> dict[str, Span]:
    """Sends the order's trace, and returns its spans by the events that they stand for."""
    answer = trace("--otlp", receiver.url)
    assert answer.exit_code == 0, answer.output
    spans = receiver.spans()
    found = {span.told: span for span in spans}
    assert len(found) == len(spans), "one span for each event"
    return found


@pytest.mark.usefixtures("journaled")
def test_a_trace_has_the_events_causes_and_times_of_saga_trace(receiver: Receiver) -> None:
    spans = sent(receiver)
    told_in = {span.proto.span_id: name for name, span in spans.items()}
    story = json.loads(trace("--json").stdout)["events"]
    assert {event["name"] for event in story} == spans.keys() - {""}
    for event in story:
        span = spans[event["name"]]
        cause = told_in[span.proto.parent_span_id]
        end = datetime.fromisoformat(event["toldAt"]).timestamp() * 1000
        assert (span.service, cause or None, span.end_ms) == (event["toldBy"], event["cause"], round(end))
    assert {span.proto.trace_id for span in spans.values()} == {ORDER_ID.bytes}
    assert receiver.paths == ["/v1/traces"]


@pytest.mark.usefixtures("journaled")
def test_a_hop_lasts_from_told_to_decided(receiver: Receiver) -> None:
    spans = sent(receiver)
    released = spans["StockRelease"]
    assert (released.proto.name, released.proto.kind) == ("process ShipmentFail", CONSUMER)
    assert released.end_ms - released.proto.start_time_unix_nano // 1_000_000 == 225 - 180
    assert (spans["OrderCreated"].proto.name, spans["OrderCreated"].proto.kind) == ("send OrderCreated", PRODUCER)
    assert (
        released.attributes.items()
        >= {
            "messaging.system": "aws.eventbridge",
            "messaging.destination.name": "saga",
            "messaging.message.id": "ShipmentFail",
            "messaging.message.conversation_id": str(ORDER_ID),
            "faas.name": "saga-inventory",
            "faas.trigger": "pubsub",
        }.items()
    )


@pytest.mark.usefixtures("journaled")
def test_a_span_is_as_documented(receiver: Receiver) -> None:
    [shown] = [block for block in blocks(PROJECT / "docs/tools.md") if block.mark == "otlp"]
    assert json.loads(shown.text) == sent(receiver)["StockRelease"].as_json()


@pytest.mark.usefixtures("journaled")
def test_failures_say_why(receiver: Receiver) -> None:
    spans = sent(receiver)
    reason = a(EVENTS["ShipmentFail"]).reason  # type: ignore[attr-defined]  # it has one
    failed = {name: span.proto.status.code == ERROR for name, span in spans.items()}
    assert failed == dict.fromkeys(spans, False) | {"": True, "ShipmentFail": True, "OrderFailed": True}
    assert spans["ShipmentFail"].proto.status.message == reason
    assert spans["PaymentOK"].proto.status.code == UNSET


@pytest.mark.usefixtures("journaled")
def test_what_waited_for_two_events_is_linked_to_the_other(receiver: Receiver) -> None:
    spans = sent(receiver)
    links = {name: [link.span_id for link in span.proto.links] for name, span in spans.items() if span.proto.links}
    assert links == {
        "ShipmentFail": [spans["StockReserved"].proto.span_id],
        "OrderFailed": [spans["StockRelease"].proto.span_id],
    }


def test_an_event_told_twice_is_one_span_and_an_order_sent_twice_one_trace(
    receiver: Receiver, journaled: list[dict[str, Any]]
) -> None:
    first = {name: span.proto.SerializeToString() for name, span in sent(receiver).items()}
    receiver.requests.clear()
    journaled.append(item("PaymentOK", 95, "OrderCreated", "again") | {"arrivedAt": at(700)})
    second = sent(receiver)
    assert {name: span.proto.span_id for name, span in second.items()}.keys() == first.keys()
    assert all(second[name].proto.SerializeToString() == first[name] for name in first.keys() - {""})


def test_events_that_claim_to_have_led_to_each_other_are_sent(
    receiver: Receiver, journaled: list[dict[str, Any]]
) -> None:
    journaled[:] = [
        item("PaymentOK", 1, "ShipmentOK"),
        item("ShipmentOK", 1, "PaymentOK"),
        item("StockReserved", 2, "StockReserved"),
    ]
    assert sent(receiver).keys() == {"", "PaymentOK", "ShipmentOK", "StockReserved"}


def test_the_callers_trace_goes_on(receiver: Receiver, journaled: list[dict[str, Any]]) -> None:
    journaled[0] = item("OrderCreated", 0, traceparent=f"00-{CALLER[0]}-{CALLER[1]}-01")
    spans = sent(receiver)
    assert {span.proto.trace_id.hex() for span in spans.values()} == {CALLER[0]}
    assert spans[""].proto.parent_span_id.hex() == CALLER[1]


@pytest.mark.parametrize("wrong", ["", "00-x-y-01", "00", f"00-{'0' * 32}-{'0' * 16}-01"])
def test_a_callers_trace_that_is_none_is_left_out(
    receiver: Receiver, journaled: list[dict[str, Any]], wrong: str
) -> None:
    journaled[0] = item("OrderCreated", 0, traceparent=wrong)
    assert sent(receiver)[""].proto.trace_id == ORDER_ID.bytes


@pytest.mark.usefixtures("journaled")
def test_a_backend_that_refuses_is_an_error(receiver: Receiver) -> None:
    receiver.status = 400
    answer = trace("--otlp", receiver.url)
    assert answer.exit_code == 1
    assert f"{receiver.url}/v1/traces did not take the traces: " in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.mark.usefixtures("journaled")
@pytest.mark.parametrize("url", ["jaeger:4318", "http://[::1", "http://jaeger:x", "http://"])
def test_what_is_no_url_is_an_error(url: str) -> None:
    answer = trace("--otlp", url)
    assert (answer.exit_code, answer.stdout) == (1, "")
    assert answer.stderr.startswith(f"error: Not the address of an OTLP receiver: {url!r}")


@pytest.mark.usefixtures("journaled")
@pytest.mark.parametrize(
    ("name", "path"), [("OTEL_EXPORTER_OTLP_ENDPOINT", "/base"), ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "/whole")]
)
def test_opentelemetrys_own_variables_hold(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, name: str, path: str
) -> None:
    monkeypatch.setenv(name, receiver.url + path)
    monkeypatch.setattr(export, "_closed", lambda *_: {str(ORDER_ID): None})
    answer = CliRunner().invoke(app, ["export", "--json"])
    assert json.loads(answer.stdout)["orders"] == 1
    assert receiver.paths == ["/base/v1/traces" if path == "/base" else "/whole"]


@pytest.mark.usefixtures("journaled")
def test_orders_are_sent_as_they_close_each_once(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [str(UUID(int=number)) for number in range(1, 4)]
    looks = iter([ids[:1], ids[:2], ids[:2], ids[1:]])

    def closed(*_: Any) -> dict[str, None]:
        found = next(looks, None)
        if found is None:
            raise KeyboardInterrupt
        return dict.fromkeys(found)

    monkeypatch.setattr(export, "_closed", closed)
    monkeypatch.setattr(export, "PERIOD_SECONDS", 0)
    answer = CliRunner().invoke(app, ["export", "-f", "--otlp", receiver.url])
    assert answer.stdout == f"3 orders sent to {receiver.url}/v1/traces, 24 spans.\n"
    assert [span.attributes["saga.order.id"] for span in receiver.spans() if not span.told] == ids


@pytest.mark.usefixtures("journaled")
def test_what_has_no_id_of_an_order_is_sent_too(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Anybody may put such an event on the bus. The orders beside it must not suffer."""
    monkeypatch.setattr(export, "_closed", lambda *_: {"5": None, str(ORDER_ID): None})
    answer = CliRunner().invoke(app, ["export", "--otlp", receiver.url])
    assert answer.stdout == f"2 orders sent to {receiver.url}/v1/traces, 16 spans.\n"
    assert len({span.proto.trace_id for span in receiver.spans()}) == 2


def test_aws_own_endpoint_is_asked_with_sigv4(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def send(_: requests.Session, request: requests.PreparedRequest, **__: Any) -> requests.Response:
        asked.append(request)
        answer = requests.Response()
        answer.status_code = 200
        return answer

    monkeypatch.setattr(requests.Session, "send", send)
    otlp.Backend("https://xray.eu-central-1.amazonaws.com").send([])
    [request] = asked
    assert request.url == "https://xray.eu-central-1.amazonaws.com/v1/traces"
    signature = str(request.headers["Authorization"])
    assert signature.startswith("AWS4-HMAC-SHA256 Credential=testing/")
    assert "/eu-central-1/xray/aws4_request" in signature
