"""The stock and its reservations, written in one transaction, so that a task that is retried changes nothing twice."""

import os
from typing import Any

import boto3

dynamodb = boto3.client("dynamodb")


class OutOfStock(Exception):
    pass


def handler(event: dict[str, Any], _context: object) -> None:
    order = event["order"]
    action = event["action"]
    units = order["quantity"]
    given_back = -units if action == "reserve" else units
    writes: Any = [{"Put": reservation(order, action)}, {"Update": move(order, given_back)}]
    try:
        dynamodb.transact_write_items(TransactItems=writes)
    except dynamodb.exceptions.TransactionCanceledException as error:
        known, moved = (reason["Code"] for reason in error.response["CancellationReasons"])
        if known == "ConditionalCheckFailed":
            return  # this is a retry of a task that was done
        if moved == "ConditionalCheckFailed":
            raise OutOfStock(f"{units} wanted") from error
        raise


def reservation(order: dict[str, Any], action: str) -> dict[str, Any]:
    status = {"reserve": "RESERVED", "release": "RELEASED"}[action]
    put = {
        "TableName": os.environ["RESERVATIONS"],
        "Item": {
            "orderId": {"S": order["orderId"]},
            "productId": {"S": order["productId"]},
            "quantity": {"N": str(order["quantity"])},
            "status": {"S": status},
        },
    }
    if action == "reserve":
        return put | {"ConditionExpression": "attribute_not_exists(orderId)"}
    return put | {
        "ConditionExpression": "#status = :reserved",
        "ExpressionAttributeNames": {"#status": "status"},
        "ExpressionAttributeValues": {":reserved": {"S": "RESERVED"}},
    }


def move(order: dict[str, Any], units: int) -> dict[str, Any]:
    update: dict[str, Any] = {
        "TableName": os.environ["STOCK"],
        "Key": {"productId": {"S": order["productId"]}},
        "UpdateExpression": "ADD available :units",
        "ExpressionAttributeValues": {":units": {"N": str(units)}},
    }
    if units < 0:
        update["ConditionExpression"] = "available >= :taken"
        update["ExpressionAttributeValues"][":taken"] = {"N": str(-units)}
    return update
