"""What a shop does with the saga: keep stock, place orders, wait for them to close."""

import time
import uuid
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from contracts.events import OrderCreated
from contracts.values import ProductId
from saga.bus import EventBridgeBus
from saga.event import Timestamp
from saga.serialization import Refused, parse
from sagactl.errors import SagaError
from sagactl.stack import api
from sagactl.stack.deployed import Stack

CLOSED = ("COMPLETED", "FAILED")
WAIT_SECONDS = 60

PRODUCT = "item-001"

type Via = Literal["api", "bus"]


@dataclass
class Way:
    """One of the ways that an order can go, and what makes it go so."""

    title: str
    via: Via
    quantity: int
    amount: float
    expected: str = "FAILED"


def five_ways(units: int) -> list[Way]:
    """Payment's limit is 10,000, shipping's capacity 100, and that many units are in stock."""
    return [
        Way("All goes well", "api", quantity=2, amount=1000, expected="COMPLETED"),
        Way("Payment is declined", "api", quantity=2, amount=10_001),
        Way("Out of stock", "bus", quantity=units + 1, amount=1000),
        Way("Shipment is refused", "bus", quantity=101, amount=1000),
        Way("Payment and stock both fail", "bus", quantity=units + 1, amount=10_001),
    ]


def available(stack: Stack) -> dict[str, int]:
    """Units by product. The stock has an item per product, not per order, so reading it all is cheap."""
    pages = stack.client("dynamodb").get_paginator("scan").paginate(TableName=stack.outputs["StockTable"])
    items = (item for page in pages for item in page["Items"])
    return dict(sorted((item["productId"]["S"], int(item["available"]["N"])) for item in items))


def set_available(stack: Stack, product_id: str, units: int) -> None:
    """Raises SagaError if that is no product id, or if orders keep changing the stock at the same time."""
    try:
        msgspec.convert(product_id, ProductId)
    except msgspec.ValidationError as error:
        raise SagaError(f"{product_id!r} is no product: {error}", "Name one such as item-001") from None
    for _ in range(10):
        # Conditional, so that what an order takes in between is never overwritten.
        seen = available_of(stack, product_id)
        condition = "attribute_not_exists(productId)" if seen is None else "available = :seen"
        values = {":units": {"N": str(units)}} | ({} if seen is None else {":seen": {"N": str(seen)}})
        try:
            stack.client("dynamodb").update_item(
                TableName=stack.outputs["StockTable"],
                Key={"productId": {"S": product_id}},
                UpdateExpression="SET available = :units",
                ConditionExpression=condition,
                ExpressionAttributeValues=values,
            )
        except stack.client("dynamodb").exceptions.ConditionalCheckFailedException:
            continue
        return
    raise SagaError(f"Orders keep changing the stock of {product_id}", "Try again")


def available_of(stack: Stack, product_id: str) -> int | None:
    """Units of one product, strongly consistent; None if it is not kept."""
    key = {"productId": {"S": product_id}}
    answer = stack.client("dynamodb").get_item(TableName=stack.outputs["StockTable"], Key=key, ConsistentRead=True)
    return int(answer["Item"]["available"]["N"]) if "Item" in answer else None


def place(stack: Stack, wanted: dict[str, Any], via: Via, key: str | None = None) -> str:
    """Places an order and gives its id; `key` is the Idempotency-Key, which only the API knows."""
    if via == "api":
        return str(api.place_order(stack, wanted, key)["orderId"])
    fields = {"eventType": OrderCreated.name, "orderId": str(uuid.uuid4()), "timestamp": Timestamp.now()}
    try:
        event = parse(fields | wanted, OrderCreated)
    except Refused as refused:
        raise SagaError(f"That is no order: {refused}", "Mend it, and try again") from None
    EventBridgeBus(stack.client("events"), stack.outputs["BusName"]).tell([event])
    return fields["orderId"]


def wait_until_closed(stack: Stack, order_id: str, timeout_seconds: float = WAIT_SECONDS) -> dict[str, Any] | None:
    """What the API says of the order once it is closed; None if it isn't in time."""
    deadline = time.monotonic() + timeout_seconds
    while time.monotonic() < deadline:
        order = api.get_order(stack, order_id)
        if order and order["status"] in CLOSED:
            return order
        time.sleep(0.2)
    return None
