"""The saga in this process on DynamoDB Local, metered: one delivery follows the other, so every count is exact."""

import contextlib
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import boto3

from sagactl.bench.meter import Meter, Usage
from sagactl.design import template
from sagactl.local import dynamodb, functions
from sagactl.local.in_process import Envelope, InProcess, request
from sagactl.stack.aws import Target
from sagactl.stack.deployed_stack import Stack

_ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
_QUEUE_REQUESTS = 2  # a batch is received and deleted; each of its events was sent before


class Serial(InProcess):
    """The saga, metered; what is told stays with the meter, and goes from there to those who hear it.

    Journaling is metered apart, into `journal`. Each event is a batch of its own, or is added to `kept` if that is a
    list.
    """

    def __init__(self, url: str) -> None:
        boto3.setup_default_session()
        self.meter = Meter()
        self.journal = Usage()
        self.kept: list[Envelope] | None = None
        self.meter.attach(boto3.DEFAULT_SESSION.events)  # type: ignore[union-attr]  # set up two lines before
        where = Target(url)
        for table in functions.tables():
            where.client("dynamodb").create_table(**table)
        self.meter.calibrate(where.client("dynamodb"), "ShippingTable", {"orderId": {"S": "calibration"}})
        outputs = {name: name for name in template.resources("AWS::DynamoDB::Table")}
        self.stack = Stack(where, outputs)
        self._told_before = 0
        super().__init__(self._take_told)

    def place(self, wanted: dict[str, Any], key: str) -> str:
        """Places an order by POST /orders and returns its ID. The same key makes the same order."""
        self.meter.usage.counts["api_requests"] += 1
        answer = self.invoke("order.http", request("POST", "/orders", json.dumps(wanted), key))
        return str(json.loads(answer["body"])["orderId"])

    def cancel(self, order_id: str) -> None:
        """Cancels an order by POST /orders/{orderId}/cancel."""
        self.meter.usage.counts["api_requests"] += 1
        self.invoke("order.http", request("POST", f"/orders/{order_id}/cancel"))

    def look_for_late_orders(self) -> None:
        """Runs the watchdog once."""
        self.invoke("order.watchdog", {})

    def invoke(self, module: str, event: Any) -> Any:
        self.meter.usage.counts["invocations"] += 1
        return super().invoke(module, event)

    def write_down(self, *envelopes: Envelope) -> None:
        if self.kept is not None:
            self.kept += envelopes
            return
        with self.meter.into(self.journal):
            self.meter.usage.counts.update(events=len(envelopes), queue_requests=len(envelopes) + _QUEUE_REQUESTS)
            super().write_down(*envelopes)

    def write_kept(self) -> None:
        """Hands the events that were kept to the journal, in one batch."""
        envelopes = self.kept or []
        self.kept = None
        self.write_down(*envelopes)

    def _take_told(self) -> list[Envelope]:
        entries = self.meter.told
        self.meter.told = []
        return [self._envelope(entry) for entry in entries]

    def _envelope(self, entry: dict[str, Any]) -> Envelope:
        self._told_before += 1
        return {
            "id": str(uuid5(NAMESPACE_OID, str(self._told_before))),
            "source": entry["Source"],
            "detail-type": entry["DetailType"],
            "detail": json.loads(entry["Detail"]),
        }


@contextmanager
def running() -> Iterator[Serial]:
    """The saga on a DynamoDB Local of its own; what its functions print is not shown."""
    with dynamodb.running() as url:
        settings = _ENVIRONMENT | {"AWS_ENDPOINT_URL_DYNAMODB": url}
        with functions.nobodys_shell(settings), contextlib.redirect_stdout(io.StringIO()):
            try:
                yield Serial(url)
            finally:
                boto3.DEFAULT_SESSION = None
