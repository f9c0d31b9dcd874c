"""Functions in sam local's containers, each with every event that it hears."""

import json
from pathlib import Path
from typing import Any

import pytest
from samlocal.conftest import Reader

from sagactl.design import choreography, samples
from sagactl.design.template import resources
from sagactl.paths import PROJECT
from sagactl.stack import shop
from sagactl.stack.deployed_stack import Stack

HEARD: list[tuple[str, str]] = []
for each in choreography.services():
    HEARD += [(each, event.name) for event in choreography.hears_of(each)]


def invoke(reader: Reader, handler: str, event: Path) -> tuple[Any, list[dict[str, Any]]]:
    """What the function answered, and the lines of its log. Its exit code is 0 even if it raised."""
    functions = resources("AWS::Serverless::Function")
    name = next(name for name, function in functions.items() if function["Handler"] == f"{handler}.handler")
    documented = "PaymentFunction --event events/OrderCreated.json"
    assert documented in reader.invoke.text
    done = reader.does(reader.invoke.text.replace(documented, f"{name} --event '{event}'"))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]


@pytest.mark.parametrize(("service", "name"), HEARD)
def test_a_function_handles_every_event_that_it_hears(reader: Reader, service: str, name: str) -> None:
    answer, log = invoke(reader, f"{service}.app", PROJECT / f"events/{name}.json")
    assert answer is None
    heard = [line for line in log if line.get("message") in {"heard", "heard again"}]
    assert [(line["detailType"], line["orderId"]) for line in heard] == [(name, samples.ORDER_ID)]


def test_an_error_of_a_function_is_reported(reader: Reader) -> None:
    answer, log = invoke(reader, "payment.app", PROJECT / "events/ShipmentOK.json")
    assert answer["errorType"] == "Refused"
    assert any(line.get("level") == "ERROR" for line in log)


def test_the_watchdog_runs(reader: Reader, tmp_path: Path) -> None:
    event = tmp_path / "schedule.json"
    event.write_text('{"detail-type": "Scheduled Event"}')
    assert invoke(reader, "order.watchdog", event)[0] == {"told": 0, "left": 0}


def test_the_journal_writes_down_what_its_queue_has(reader: Reader, tmp_path: Path) -> None:
    body = (PROJECT / "events/OrderCreated.json").read_text()
    record = {
        "messageId": "1",
        "body": body,
        "attributes": {"SentTimestamp": "1769860800000"},
        "eventSource": "aws:sqs",
    }
    event = tmp_path / "batch.json"
    event.write_text(json.dumps({"Records": [record]}))
    assert invoke(reader, "journal.app", event)[0] == {"batchItemFailures": []}


def test_the_public_call_completes_a_saga(reader: Reader, stack: Stack) -> None:
    assert reader.post.text == (
        'curl -X POST http://localhost:3001/orders -H "Content-Type: application/json" '
        """-d '{"productId": "item-001", "quantity": 2, "amount": 1000}'\n"""
    )
    # Its output is a file's, as whoever reads a pipe would wait for the containers to end, too.
    served = reader.start_api.text.replace(" &\n", " &>.saga/start-api.log &\ntrap 'kill %1; wait %1 || true' EXIT\n")
    ready = "for _ in {1..150}; do curl -so /dev/null http://localhost:3001 && break; sleep 0.2; done\n"
    done = reader.does(served + ready + reader.post.text)
    assert done.returncode == 0, done.stderr
    closed = shop.wait_until_closed(stack, json.loads(done.stdout)["orderId"])
    assert closed
    assert closed["status"] == "COMPLETED"
