"""The journal on AWS, emulated by moto: it polls an event from its queue, and writes it and its order's summary."""

from support.emulation import Aws
from support.given import ORDER_ID, a, envelope

from contracts.events import PaymentOK
from journal.items import SUMMARY
from saga.event import Timestamp
from sagactl.design import template
from sagactl.local.functions import load
from sagactl.local.in_process import polled


def test_an_event_is_written_down(aws: Aws) -> None:
    told_at = Timestamp.now()
    answer = aws.invoke("journal.app", polled(envelope(a(PaymentOK, timestamp=told_at), event_id="e1")))

    assert answer == {"batchItemFailures": []}
    event = aws.item("JournalTable", orderId=str(ORDER_ID), sort=f"{told_at}#e1")
    assert event["detailType"] == "PaymentOK"
    summary = aws.item("JournalTable", orderId=str(ORDER_ID), sort=SUMMARY)
    assert summary["PaymentOK"] == told_at


def test_a_record_without_an_event_goes_back_to_the_queue(aws: Aws) -> None:
    answer = aws.invoke("journal.app", polled({"id": "m1"}))

    assert answer == {"batchItemFailures": [{"itemIdentifier": "m1"}]}


def test_a_full_batch_of_events_is_written_in_one_round(aws: Aws) -> None:  # noqa: ARG001  # it is loaded there
    """While DynamoDB hangs, two rounds would take longer than the function may run."""
    [journal] = [function for function in template.functions() if function.module == "journal.app"]
    [queue] = journal.events.values()
    app = load("journal.app")
    assert queue["Properties"]["BatchSize"] <= app.ITEMS_MAX * app.WRITERS
    assert app.pool._max_workers == app.WRITERS
    assert app.dynamodb.meta.service_model.shape_for("WriteRequests").metadata["max"] == app.ITEMS_MAX
