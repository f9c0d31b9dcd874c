"""`saga trace` and `saga logs` on the deployed stack."""

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from support.driver import WAYS, Saga, eventually, order_created
from support.otlp import Span, receiving

from saga.event import Timestamp
from sagactl.design import choreography
from sagactl.stack.deployed_stack import Stack


@pytest.fixture(scope="module")
def order_id(saga: Saga) -> str:
    """Of an order whose shipment was refused, told to the end."""
    event = order_created(WAYS["shipment_failed"])
    saga.tell(event)
    saga.close(str(event.order_id))
    saga.told(str(event.order_id), "OrderFailed")
    return str(event.order_id)


def test_one_command_tells_an_orders_whole_story(saga: Saga, order_id: str) -> None:
    story = json.loads(saga.run("trace", order_id, "--json").stdout)
    causes = {event["name"]: event["cause"] for event in story["events"]}
    assert story["status"] == "FAILED"
    assert causes["OrderCreated"] is None
    assert causes["PaymentOK"] == causes["StockReserved"] == "OrderCreated"
    assert causes["ShipmentFail"] in {"PaymentOK", "StockReserved"}
    assert causes["PaymentCancel"] == causes["StockRelease"] == "ShipmentFail"
    assert causes["OrderFailed"] in {"PaymentCancel", "StockRelease"}
    assert all(event["sinceCauseMs"] >= 0 for event in story["events"] if event["cause"])
    assert {service: state["status"] for service, state in story["states"].items()} == {
        "order": "FAILED",
        "payment": "CANCELLED",
        "inventory": "RELEASED",
        "shipping": "FAILED",
    }
    assert story["waits"] == []
    assert "shipping->>inventory: ShipmentFail" in saga.run("trace", order_id, "--mermaid").stdout


def time_of(span: Span) -> str:
    return Timestamp.of(datetime.fromtimestamp(span.end_ms / 1000, UTC))


def test_a_backend_is_sent_the_same_story(saga: Saga, order_id: str) -> None:
    story = json.loads(saga.run("trace", order_id, "--json").stdout)
    told = {(event["name"], event["toldBy"], event["cause"], event["toldAt"]) for event in story["events"]}
    for command in (["trace", order_id], ["export", "--since", "1h"]):
        with receiving() as receiver:
            saga.run(*command, "--otlp", receiver.url)
        spans = [span for span in receiver.spans() if span.attributes["saga.order.id"] == order_id]
        names = {span.proto.span_id: span.told or None for span in spans}
        sent = {(one.told, one.service, names[one.proto.parent_span_id], time_of(one)) for one in spans if one.told}
        assert sent == told


def test_logs_of_all_services_are_merged_for_an_order(saga: Saga, order_id: str) -> None:
    saga.log("order", order_id)
    lines = [line.split() for line in saga.run("logs", "--order", order_id).stdout.splitlines()]
    assert {service for _, service, said, *_ in lines if said == "heard"} == set(choreography.services())
    assert [at for at, *_ in lines] == sorted(at for at, *_ in lines)
    assert all(words[-1] == order_id for words in lines)


def test_logs_follow_what_is_logged_from_now_on_until_interrupted(saga: Saga, stack: Stack, tmp_path: Path) -> None:
    port = str(urlsplit(stack.where.endpoint_url).port)
    command = [str(Path(sys.executable).with_name("saga")), "logs", "-f", "--service", "payment", "--since", "1m"]
    printed = tmp_path / "printed"
    with printed.open("wb") as out:
        environment = os.environ | {"PYTHONUNBUFFERED": "1"}
        following = subprocess.Popen(
            [*command, "--port", port],
            stdout=out,
            env=environment,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  # as a terminal does
        )
    try:
        event = order_created()
        saga.tell(event)
        eventually(lambda: str(event.order_id) in printed.read_text() or None, "the order among the lines")
        following.send_signal(signal.SIGINT)
        assert following.wait(timeout=30) == 0
    finally:
        following.kill()
        following.wait()
    # The lines of a traceback, which another test may have caused, are indented.
    lines = [line for line in printed.read_text().splitlines() if not line.startswith(" ")]
    assert {line.split()[1] for line in lines} == {"payment"}
