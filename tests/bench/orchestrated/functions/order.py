"""The order's status."""

import os
from typing import Any

import boto3

dynamodb = boto3.client("dynamodb")
STATUS = {"complete": "COMPLETED", "fail": "FAILED"}


def handler(event: dict[str, Any], _context: object) -> None:
    order = event["order"]
    key = {"orderId": {"S": order["orderId"]}}
    if event["action"] == "place":
        details = {
            "status": {"S": "PENDING"},
            "productId": {"S": order["productId"]},
            "quantity": {"N": str(order["quantity"])},
            "amount": {"N": str(order["amount"])},
        }
        dynamodb.put_item(TableName=os.environ["ORDERS"], Item=key | details)
    else:
        dynamodb.update_item(
            TableName=os.environ["ORDERS"],
            Key=key,
            UpdateExpression="SET #status = :status",
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues={":status": {"S": STATUS[event["action"]]}},
        )
