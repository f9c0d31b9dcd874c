"""The journal writes down every event of the saga, for people to look at. The saga does not need it."""

import json
import os
from typing import Any

import boto3
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from journal.items import journal_entry, summary
from saga.observe import logger
from saga.sdk import CONFIG

dynamodb = boto3.client("dynamodb", config=CONFIG)
table = os.environ["TABLE_NAME"]
kept_seconds = int(os.environ["JOURNAL_DAYS"]) * 86_400
NO_EVENT = {"orderId": None, "detailType": None, "correlation_id": None}  # log keys, until the record is read
processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: Any) -> Any:
    """Writes down a batch of events. Only the records that failed go back to the queue."""
    return process_partial_response(event, write_down, processor, context)


def write_down(record: SQSRecord) -> None:
    """Writes one event and updates its order's summary. Doing that twice changes nothing more."""
    with logger.append_context_keys(messageId=record.message_id, **NO_EVENT):
        try:
            sent_ms = int(record.attributes.sent_timestamp)
            entry = journal_entry(json.loads(record.body), sent_ms, kept_seconds)
            logger.append_keys(
                orderId=entry["orderId"]["S"], detailType=entry["detailType"]["S"], correlation_id=entry["eventId"]["S"]
            )
            dynamodb.put_item(TableName=table, Item=entry)
            dynamodb.update_item(TableName=table, **summary(entry))
        except Exception:
            logger.exception("not journaled")
            raise
