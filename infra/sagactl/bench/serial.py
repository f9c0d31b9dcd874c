"""The whole saga in one process: the functions as they run in Lambda, on DynamoDB Local, one delivery after another.

Serial delivery makes every count exact, and the same on every machine.
"""

import contextlib
import io
import json
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch
from uuid import NAMESPACE_OID, uuid5

import boto3

from sagactl.bench.meter import Meter, Usage
from sagactl.design import choreography, template
from sagactl.local import dynamodb, loading
from sagactl.local.loading import CONTEXT
from sagactl.stack.aws import Target
from sagactl.stack.deployed import Stack

_ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
_QUEUE_REQUESTS = 3  # sent, received and deleted, one event at a time


class Serial:
    """Four services, the HTTP function, the watchdog and the journal, metered; a queue stands for the bus."""

    def __init__(self, url: str) -> None:
        boto3.setup_default_session()
        self.meter = Meter()
        self.meter.attach(boto3.DEFAULT_SESSION.events)  # type: ignore[union-attr]  # set up a line before
        where = Target(url)
        for table in loading.tables():
            where.client("dynamodb").create_table(**table)
        self.meter.calibrate(where.client("dynamodb"), "ShippingTable", {"orderId": {"S": "calibration"}})
        outputs = {name: name for name in template.resources("AWS::DynamoDB::Table")}
        self.stack = Stack(where, outputs)
        self.services = {name: loading.load(f"{name}.app") for name in choreography.services()}
        self.hears = {name: {event.name for event in choreography.hears_of(name)} for name in self.services}
        self.http, self.watchdog = loading.load("order.http"), loading.load("order.watchdog")
        self.journal = loading.load("journal.app")
        self.delivered = 0

    def place(self, wanted: dict[str, Any], key: str) -> str:
        """POST /orders."""
        self.meter.usage.counts.update(api_requests=1, invocations=1)
        answer = self.http.handler(post(wanted, key), CONTEXT)
        return str(json.loads(answer["body"])["orderId"])

    def deliver(self, times: int = 1, lost: Collection[str] = (), journal: Usage | None = None) -> None:
        """Until the bus is empty: each event, but those lost, so many times to each service that hears it."""
        while self.meter.told:
            told, self.meter.told = self.meter.told, []
            for envelope in map(self._envelope, told):
                for name in self._hearers(envelope, lost):
                    for _ in range(times):
                        self.meter.usage.counts["invocations"] += 1
                        self.services[name].handler(envelope, CONTEXT)
                if journal is not None:
                    self._write_down(envelope, journal)

    def look_for_late_orders(self) -> None:
        """One run of the watchdog."""
        self.meter.usage.counts["invocations"] += 1
        self.watchdog.handler({}, CONTEXT)

    def _hearers(self, envelope: dict[str, Any], lost: Collection[str]) -> list[str]:
        name = envelope["detail-type"]
        return [] if name in lost else [service for service, heard in self.hears.items() if name in heard]

    def _envelope(self, entry: dict[str, Any]) -> dict[str, Any]:
        self.delivered += 1
        return {
            "id": str(uuid5(NAMESPACE_OID, str(self.delivered))),
            "source": entry["Source"],
            "detail-type": entry["DetailType"],
            "detail": json.loads(entry["Detail"]),
        }

    def _write_down(self, envelope: dict[str, Any], usage: Usage) -> None:
        record = {
            "messageId": envelope["id"],
            "body": json.dumps(envelope),
            "attributes": {"SentTimestamp": "1769860800000"},
        }
        with self.meter.into(usage):
            usage.counts.update(events=1, invocations=1, queue_requests=_QUEUE_REQUESTS)
            if failed := self.journal.handler({"Records": [record]}, CONTEXT)["batchItemFailures"]:
                raise AssertionError(f"not journaled: {failed}")


@contextmanager
def running() -> Iterator[Serial]:
    """The saga on a DynamoDB Local of its own; what its functions print is not shown."""
    with dynamodb.running() as url, patch.dict(os.environ), contextlib.redirect_stdout(io.StringIO()):
        os.environ |= _ENVIRONMENT | {"AWS_ENDPOINT_URL_DYNAMODB": url}
        try:
            yield Serial(url)
        finally:
            boto3.DEFAULT_SESSION = None


def post(wanted: dict[str, Any], key: str) -> dict[str, Any]:
    """POST /orders as the API hands it over; the same key makes the same order."""
    return {
        "httpMethod": "POST",
        "path": "/orders",
        "headers": {"Content-Type": "application/json", "Idempotency-Key": key},
        "body": json.dumps(wanted),
        "requestContext": {"accountId": "123456789012", "identity": {}},
    }
