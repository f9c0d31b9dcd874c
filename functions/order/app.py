"""Order on AWS: the events it hears. http.py and watchdog.py are its other two functions."""

import os
from datetime import timedelta
from functools import partial
from typing import Any

import boto3
from aws_lambda_powertools.logging.correlation_paths import EVENT_BRIDGE

from order.due import dated
from order.reactions import (
    Order,
    cancel,
    complete,
    conclude,
    fail,
    insist,
    notice,
    place,
    settle_payment,
    settle_stock,
)
from saga.bus import EventBridgeBus
from saga.dynamodb import DynamoLedger
from saga.observe import logger
from saga.sdk import CONFIG
from saga.service import Service

deadline = timedelta(seconds=int(os.environ["DEADLINE_SECONDS"]))
service = Service(
    reactions=[place, notice, cancel, complete, fail, settle_payment, settle_stock, conclude, insist],
    ledger=DynamoLedger(boto3.client("dynamodb", config=CONFIG), os.environ["TABLE_NAME"], Order),
    bus=EventBridgeBus(boto3.client("events", config=CONFIG), os.environ["BUS_NAME"]),
    dated=partial(dated, deadline=deadline),
)


@logger.inject_lambda_context(correlation_id_path=EVENT_BRIDGE, clear_state=True)
def handler(envelope: dict[str, Any], _context: object) -> None:
    service.hear(envelope)
