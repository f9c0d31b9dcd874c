"""The journal writes down every event of the saga, for people to look at. The saga does not need it."""

import itertools
import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from operator import attrgetter
from typing import Any, NamedTuple

import boto3
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from botocore.exceptions import BotoCoreError, ClientError

from journal.items import batch_entry, journal_entry, opened_earlier, summary
from saga.event import Timestamp
from saga.observe import logger
from saga.sdk import CONFIG

WRITERS = 20  # a full batch takes one round of writes: even if they hang, that is over in time
ITEMS_MAX = 25  # of one BatchWriteItem
NAMED_MAX = 100  # events that one item names: even with the longest keys it has less than 400 KB
MALFORMED = (AttributeError, KeyError, TypeError, ValueError, RecursionError)
FAILURES = (BotoCoreError, ClientError)

dynamodb = boto3.client("dynamodb", config=CONFIG)
table = os.environ["TABLE_NAME"]
kept_seconds = int(os.environ["JOURNAL_DAYS"]) * 86_400
pool = ThreadPoolExecutor(WRITERS)
processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)

type Item = dict[str, Any]


class NotJournaled(Exception):
    """The event was not written down in full. It goes back to the queue."""


class Read(NamedTuple):
    """An event to write down, and the message that brought it."""

    message_id: str
    entry: Item

    @property
    def order_id(self) -> str:
        return str(self.entry["orderId"]["S"])

    @property
    def sort(self) -> str:
        return str(self.entry["sort"]["S"])

    @property
    def log_keys(self) -> dict[str, Any]:
        return {
            "messageId": self.message_id,
            "orderId": self.order_id,
            "detailType": self.entry["detailType"]["S"],
            "correlation_id": self.entry["eventId"]["S"],
        }


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: Any) -> Any:
    """Writes down a batch of events. Only what failed goes back to the queue."""
    written = _write(event["Records"])

    def report(record: SQSRecord) -> None:
        if record.message_id not in written:
            raise NotJournaled

    return process_partial_response(event, report, processor)


def _write(records: Sequence[dict[str, Any]]) -> set[str]:
    """Writes each event, then each order's summary once, then what the batch had. Returns the messages done with.

    Doing any of it twice changes nothing more.
    """
    read = [one for one in map(_read, records) if one]
    events = _all(_write_events, itertools.batched(read, ITEMS_MAX, strict=False))
    written = _all(_update_summary, _by_order(events))
    return {one.message_id for one in _all(_name_batch, itertools.batched(written, NAMED_MAX, strict=False))}


def _all(write: Any, parts: Any) -> list[Read]:
    """Writes several parts at a time, and returns what was written."""
    return list(itertools.chain.from_iterable(pool.map(write, parts)))


def _by_order(events: Sequence[Read]) -> Iterator[list[Read]]:
    for _, group in itertools.groupby(sorted(events, key=attrgetter("order_id")), attrgetter("order_id")):
        yield list(group)


def _read(record: dict[str, Any]) -> Read | None:
    message_id = record["messageId"]
    try:
        sent_ms = int(record["attributes"]["SentTimestamp"])
        return Read(message_id, journal_entry(json.loads(record["body"]), sent_ms, kept_seconds))
    except MALFORMED:
        logger.exception("not journaled", messageId=message_id)
        return None


def _write_events(events: Sequence[Read]) -> list[Read]:
    """Returns those that were written. DynamoDB refuses all of them for one that is wrong: then each goes by itself."""
    requests: list[Any] = [{"PutRequest": {"Item": one.entry}} for one in events]
    left: list[Any]
    try:
        left = dynamodb.batch_write_item(RequestItems={table: requests})["UnprocessedItems"].get(table, [])
    except ClientError:
        left = requests
    except BotoCoreError:
        _log_each("not journaled", events)
        return []
    again = {(one["PutRequest"]["Item"]["orderId"]["S"], one["PutRequest"]["Item"]["sort"]["S"]) for one in left}
    return [one for one in events if (one.order_id, one.sort) not in again or _write_event(one)]


def _write_event(one: Read) -> bool:
    try:
        dynamodb.put_item(TableName=table, Item=one.entry)
    except FAILURES:
        _log_each("not journaled", [one])
        return False
    return True


def _log_each(message: str, events: Sequence[Read]) -> None:
    """Logs the error in progress once for each event that it concerns, so that a line is found by the event's order."""
    for one in events:
        logger.exception(message, **one.log_keys)


def _update_summary(events: Sequence[Read]) -> Sequence[Read]:
    """Takes events of one order, and returns them, or none if the summary could not be updated."""
    entries = [one.entry for one in events]
    try:
        updated = dynamodb.update_item(TableName=table, **summary(entries))["Attributes"]
        earlier = opened_earlier(entries, updated)
        if earlier:
            _unless_overtaken(earlier)
    except FAILURES:
        _log_each("not in the order's summary", events)
        return []
    return events


def _unless_overtaken(update: dict[str, Any]) -> None:
    """Another batch may have had OrderCreated since, or an event that was told earlier still."""
    with suppress(dynamodb.exceptions.ConditionalCheckFailedException):
        dynamodb.update_item(TableName=table, **update)


def _name_batch(events: Sequence[Read]) -> Sequence[Read]:
    """Writes the item that names the events, and returns them, or none if it could not be written."""
    try:
        dynamodb.put_item(TableName=table, Item=batch_entry([one.entry for one in events], Timestamp.now()))
    except FAILURES:
        _log_each("not in the list of what arrived", events)
        return []
    return events
