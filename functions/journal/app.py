"""The journal writes down every event of the saga, for people to look at. The saga runs without it."""

import json
import os
import traceback
from typing import Any

import boto3

from journal.items import journal_entry, summary
from saga.observe import log

dynamodb = boto3.client("dynamodb")
table = os.environ["TABLE_NAME"]
kept_seconds = int(os.environ["JOURNAL_DAYS"]) * 86_400


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Only the records that failed go back to the queue."""
    failed = [record["messageId"] for record in event["Records"] if not written_down(record)]
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def written_down(record: dict[str, Any]) -> bool:
    """Writing the same event twice leaves what writing it once does."""
    try:
        sent_ms = int(record["attributes"]["SentTimestamp"])
        entry = journal_entry(json.loads(record["body"]), sent_ms, kept_seconds)
        dynamodb.put_item(TableName=table, Item=entry)
        dynamodb.update_item(TableName=table, **summary(entry))
    except Exception:  # noqa: BLE001  # whatever it is, the queue brings the record again
        log("ERROR", "not journaled", messageId=record["messageId"], exception=traceback.format_exc())
        return False
    return True
