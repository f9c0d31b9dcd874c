"""Shipping on AWS."""

import os
from functools import partial
from typing import Any

import boto3
from aws_lambda_powertools.logging.correlation_paths import EVENT_BRIDGE

from saga.bus import EventBridgeBus
from saga.dynamodb import DynamoLedger
from saga.observe import logger
from saga.sdk import CONFIG
from saga.service import Service
from shipping.reactions import Shipment, cancel, expire, ship

service = Service(
    reactions=[partial(ship, capacity=int(os.environ["SHIPPING_CAPACITY"])), expire, cancel],
    ledger=DynamoLedger(boto3.client("dynamodb", config=CONFIG), os.environ["TABLE_NAME"], Shipment),
    bus=EventBridgeBus(boto3.client("events", config=CONFIG), os.environ["BUS_NAME"]),
)


@logger.inject_lambda_context(correlation_id_path=EVENT_BRIDGE, clear_state=True)
def handler(envelope: dict[str, Any], _context: object) -> None:
    service.hear(envelope)
