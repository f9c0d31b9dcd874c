"""The journal writes down every event of the saga, for people to look at. The saga runs without it.

Its table holds an item per event, under `timestamp#id`, and one per order, `summary`: when each event was
first told, by name. Summaries are indexed by day and shard, so that orders are listed without a scan.
"""

import json
import os
import zlib
from datetime import UTC, datetime
from typing import Any

import boto3
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from saga.events import OrderCreated, Timestamp
from saga.observe import logger

DAY_SHARDS = 4
SUMMARY = "summary"

dynamodb = boto3.client("dynamodb")
table = os.environ["TABLE_NAME"]
kept_seconds = int(os.environ["JOURNAL_DAYS"]) * 86_400
processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)


def handler(event: dict[str, Any], context: Any) -> Any:
    """Only the records that failed go back to the queue."""
    return process_partial_response(event, write_down, processor, context)


def write_down(record: SQSRecord) -> None:
    """Writing the same event twice leaves what writing it once does."""
    try:
        entry = journal_entry(json.loads(record.body), arrived_ms=int(record.attributes.sent_timestamp))
        dynamodb.put_item(TableName=table, Item=entry)
        dynamodb.update_item(TableName=table, **summary(entry))
    except Exception:
        logger.exception("not journaled", extra={"messageId": record.message_id})
        raise


def journal_entry(envelope: dict[str, Any], arrived_ms: int) -> dict[str, Any]:
    """The event as an item. EventBridge's own time has whole seconds, so the detail's timestamp orders."""
    detail = envelope["detail"]
    arrived_at = Timestamp.of(datetime.fromtimestamp(arrived_ms / 1000, UTC))
    try:
        told_at = Timestamp.parse(detail.get("timestamp"))
    except ValueError:
        told_at = arrived_at
    fields = {
        "orderId": str(detail["orderId"]).lower(),
        "sort": f"{told_at}#{envelope['id']}",
        "toldAt": told_at,
        "arrivedAt": arrived_at,
        "eventId": envelope["id"],
        "detailType": envelope["detail-type"],
        "source": envelope["source"],
        "detail": json.dumps(detail),
    }
    expires_at = arrived_ms // 1000 + kept_seconds
    return {name: {"S": value} for name, value in fields.items()} | {"expiresAt": {"N": str(expires_at)}}


def summary(entry: dict[str, Any]) -> dict[str, Any]:
    """The update of the order's summary; updates commute, as events may arrive in any order."""
    order_id, told_at = entry["orderId"]["S"], entry["toldAt"]["S"]
    # The order's first event says when it was opened; any other does so only until that one arrives.
    opened = "openedAt = if_not_exists(openedAt, :at), dayShard = if_not_exists(dayShard, :day)"
    if entry["detailType"]["S"] == OrderCreated.__name__:
        opened = "openedAt = :at, dayShard = :day"
    shard = zlib.crc32(order_id.encode()) % DAY_SHARDS
    return {
        "Key": {"orderId": entry["orderId"], "sort": {"S": SUMMARY}},
        "UpdateExpression": f"SET expiresAt = :expires, #event = if_not_exists(#event, :at), {opened}",
        "ExpressionAttributeNames": {"#event": entry["detailType"]["S"]},
        "ExpressionAttributeValues": {
            ":at": entry["toldAt"],
            ":day": {"S": f"{told_at[:10]}#{shard}"},
            ":expires": entry["expiresAt"],
        },
    }
