"""Payment on AWS."""

import os
from functools import partial
from typing import Any

import boto3
from aws_lambda_powertools.logging.correlation_paths import EVENT_BRIDGE

from contracts.events import OrderCreated
from contracts.values import Amount
from payment.reactions import Payment, cancel, charge
from saga.bus import EventBridgeBus
from saga.dynamodb import DynamoLedger
from saga.observe import logger
from saga.sdk import CONFIG
from saga.service import Service

service = Service(
    reactions=[partial(charge, limit=Amount(os.environ["PAYMENT_LIMIT"])), cancel],
    ledger=DynamoLedger(boto3.client("dynamodb", config=CONFIG), os.environ["TABLE_NAME"], Payment),
    bus=EventBridgeBus(boto3.client("events", config=CONFIG), os.environ["BUS_NAME"]),
    opened_by=OrderCreated,
)


@logger.inject_lambda_context(correlation_id_path=EVENT_BRIDGE, clear_state=True)
def handler(envelope: dict[str, Any], _context: object) -> None:
    service.hear(envelope)
