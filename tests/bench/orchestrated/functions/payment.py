"""The payment for an order."""

import os
from typing import Any

import boto3

dynamodb = boto3.client("dynamodb")


class PaymentDeclined(Exception):
    pass


def handler(event: dict[str, Any], _context: object) -> None:
    order = event["order"]
    if event["action"] == "charge" and order["amount"] > 10_000:
        raise PaymentDeclined(f"amount {order['amount']} is over the limit")
    status = {"charge": "CHARGED", "refund": "CANCELLED"}[event["action"]]
    item = {"orderId": {"S": order["orderId"]}, "amount": {"N": str(order["amount"])}, "status": {"S": status}}
    dynamodb.put_item(TableName=os.environ["PAYMENTS"], Item=item)
