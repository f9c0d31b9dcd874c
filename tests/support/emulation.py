"""AWS as moto emulates it, with the tables and the bus of template.yaml, and a queue that hears every event."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import boto3
from moto import mock_aws

from sagactl.local.functions import CONTEXT, environment, load, tables

boto3.setup_default_session()  # one that was there before moto would reach AWS

type Function = Callable[[str], Any]


def emulated() -> Any:
    """Returns a context in which AWS is moto's, empty at first. What boto3 has read of each service stays read."""
    return mock_aws(config={"core": {"reset_boto3_session": False}})


def create_tables(dynamodb: Any) -> None:
    for table in tables():
        dynamodb.create_table(**table)


class Heard:
    """The deployment's bus, with a queue behind it that takes every event."""

    def __init__(self) -> None:
        self.bus_name = environment("order.app")["BUS_NAME"]
        events = boto3.client("events")
        self._sqs = boto3.client("sqs")
        self._queue_url = self._sqs.create_queue(QueueName="heard")["QueueUrl"]
        arn = f"arn:aws:sqs:us-east-1:123456789012:{self._queue_url.rsplit('/', 1)[-1]}"
        events.create_event_bus(Name=self.bus_name)
        pattern = json.dumps({"source": [{"prefix": ""}]})
        events.put_rule(Name="everything", EventBusName=self.bus_name, EventPattern=pattern)
        events.put_targets(Rule="everything", EventBusName=self.bus_name, Targets=[{"Id": "heard", "Arn": arn}])

    def __call__(self) -> list[dict[str, Any]]:
        """Returns the events told since this was called last, as EventBridge delivers them."""
        envelopes = []
        while messages := self._sqs.receive_message(QueueUrl=self._queue_url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                self._sqs.delete_message(QueueUrl=self._queue_url, ReceiptHandle=message["ReceiptHandle"])
                envelopes.append(json.loads(message["Body"]))
        return envelopes


class Aws:
    """The deployment's tables and its bus, empty at first; and the functions, as Lambda runs them."""

    def __init__(self) -> None:
        self.told = Heard()
        self._dynamodb = boto3.resource("dynamodb")
        self.dynamodb = boto3.client("dynamodb")
        create_tables(self.dynamodb)

    def invoke(self, module: str, event: Any) -> Any:
        """Starts a function, such as `payment.app`, has it handle the event, and returns its answer."""
        return load(module).handler(event, CONTEXT)

    def put_item(self, table: str, **item: Any) -> None:
        self._dynamodb.Table(table).put_item(Item=item)

    def item(self, table: str, **key: str) -> dict[str, Any]:
        """Returns the item with this key."""
        return self._dynamodb.Table(table).get_item(Key=key)["Item"]


@contextmanager
def refusing(client: Any, times: int) -> Iterator[None]:
    """PutEvents refuses its first entry this many times in a row."""
    left = times

    def refuse(params: Any, **_: Any) -> Any:
        nonlocal left
        if left == 0:
            return None
        left -= 1
        results = [{"EventId": "1"} for _ in json.loads(params["body"])["Entries"]]
        results[0] = {"ErrorCode": "InternalFailure", "ErrorMessage": "try again"}
        return SimpleNamespace(status_code=200), {"FailedEntryCount": 1, "Entries": results}

    client.meta.events.register("before-call.events.PutEvents", refuse)
    yield
    client.meta.events.unregister("before-call.events.PutEvents", refuse)
    assert left == 0, "PutEvents was called less often"


def interleave(patch: Any, ledger: Any, other: Callable[[], None]) -> None:
    """Runs another delivery between the next decision of this one and its record."""
    record = ledger.record

    def record_after_the_other(*entries: Any) -> None:
        patch.setattr(ledger, "record", record)
        other()
        record(*entries)

    patch.setattr(ledger, "record", record_after_the_other)
