"""Inventory on AWS."""

import os
from functools import partial
from typing import Any

import boto3
from aws_lambda_powertools.logging.correlation_paths import EVENT_BRIDGE

from contracts.events import OrderCreated
from inventory.reactions import release, reserve
from inventory.stock import DynamoStockLedger
from saga.bus import EventBridgeBus
from saga.observe import logger
from saga.sdk import CONFIG
from saga.service import Service

ledger = DynamoStockLedger(
    boto3.client("dynamodb", config=CONFIG), os.environ["TABLE_NAME"], os.environ["STOCK_TABLE_NAME"]
)
service = Service(
    reactions=[partial(reserve, available=ledger.available), release],
    ledger=ledger,
    bus=EventBridgeBus(boto3.client("events", config=CONFIG), os.environ["BUS_NAME"]),
    opened_by=OrderCreated,
)


@logger.inject_lambda_context(correlation_id_path=EVENT_BRIDGE, clear_state=True)
def handler(envelope: dict[str, Any], _context: object) -> None:
    service.hear(envelope)
