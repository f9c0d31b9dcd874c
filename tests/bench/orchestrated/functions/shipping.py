"""The shipment of an order."""

import os
from typing import Any

import boto3

dynamodb = boto3.client("dynamodb")


class ShipmentRefused(Exception):
    pass


def handler(event: dict[str, Any], _context: object) -> None:
    order = event["order"]
    if order["quantity"] > 100:
        raise ShipmentRefused(f"quantity {order['quantity']} is over the capacity")
    item = {"orderId": {"S": order["orderId"]}, "status": {"S": "SHIPPED"}}
    dynamodb.put_item(TableName=os.environ["SHIPMENTS"], Item=item)
