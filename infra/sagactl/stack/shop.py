"""What a shop does: keep stock, place orders, wait for them to close."""

import time
import uuid
from datetime import datetime, timedelta
from typing import Any, Literal

from msgspec import Struct

from contracts.events import OrderCreated
from contracts.values import ProductId
from order.triggers import cancel
from saga.bus import EventBridgeBus
from saga.event import Event, Timestamp
from saga.serialization import Refused, parse
from sagactl.design import choreography
from sagactl.errors import SagaError
from sagactl.stack import api, entries
from sagactl.stack.deployed_stack import Stack

WAIT_SECONDS = 60
LOOK_SECONDS = 0.1
OVERTAKE_SECONDS_MAX = 30
POSTS_MAX = 3
PAUSE_SECONDS = 1

Via = Literal["api", "bus"]


class _Product(Struct, rename="camel"):
    product_id: ProductId


def available(stack: Stack) -> dict[str, int]:
    """Returns the units of each product. A scan is cheap: the table has an item per product, not per order."""
    items = stack.items("scan", TableName=stack.outputs["StockTable"])
    return dict(sorted((item["productId"], item["available"]) for item in items))


def set_available(stack: Stack, product_id: str, units: int) -> None:
    """Raises SagaError if the product's ID is not valid, or if orders keep changing the stock meanwhile."""
    try:
        parse({"productId": product_id}, _Product)
    except Refused as error:
        problem = str(error).removeprefix("productId: ")
        raise SagaError(f"{product_id!r} is not a valid product ID: {problem}", "Use one such as item-001") from None
    for _ in range(10):
        if _replace_available(stack, product_id, available_of(stack, product_id), units):
            return
    raise SagaError(f"Orders keep changing the stock of {product_id}", "Try again")


def _replace_available(stack: Stack, product_id: str, seen: int | None, units: int) -> bool:
    """Returns False if an order has changed the stock since it was seen: what it took is never overwritten."""
    condition = "attribute_not_exists(productId)"
    values = {":units": {"N": str(units)}}
    if seen is not None:
        condition = "available = :seen"
        values[":seen"] = {"N": str(seen)}
    client = stack.client("dynamodb")
    try:
        client.update_item(
            TableName=stack.outputs["StockTable"],
            Key={"productId": {"S": product_id}},
            UpdateExpression="SET available = :units",
            ConditionExpression=condition,
            ExpressionAttributeValues=values,
        )
    except client.exceptions.ConditionalCheckFailedException:
        return False
    return True


def available_of(stack: Stack, product_id: str) -> int | None:
    """Returns the units of one product, strongly consistent, or None if it is not in the stock."""
    key = {"productId": {"S": product_id}}
    answer = stack.client("dynamodb").get_item(TableName=stack.outputs["StockTable"], Key=key, ConsistentRead=True)
    if "Item" not in answer:
        return None
    return int(answer["Item"]["available"]["N"])


def place(stack: Stack, wanted: dict[str, Any], via: Via, key: str | None = None) -> str:
    """Places an order and returns its ID; `key` is the Idempotency-Key, which only the API knows.

    A POST that AWS fails at is repeated with its key, which is made up if none is given.
    """
    if via == "api":
        return _post(stack, wanted, key or str(uuid.uuid4()))
    created = _created(wanted)
    _tell(stack, created)
    return str(created.order_id)


def place_cancelled(stack: Stack, wanted: dict[str, Any]) -> str:
    """Places an order that is cancelled in time, and returns its ID.

    OrderCancelled overtakes OrderCreated: that is put on the bus once shipping has decided, whoever is how fast.
    """
    created = _created(wanted)
    order_id = str(created.order_id)
    then = datetime.fromisoformat(created.timestamp) + timedelta(milliseconds=1)
    _tell(stack, cancel(created.order_id, Timestamp.of(then)))
    deadline = time.monotonic() + OVERTAKE_SECONDS_MAX
    while not entries.state_of(stack, "shipping", order_id) and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
    _tell(stack, created)
    return order_id


def _created(wanted: dict[str, Any]) -> OrderCreated:
    fields = {"eventType": OrderCreated.name, "orderId": str(uuid.uuid4()), "timestamp": Timestamp.now()}
    try:
        return parse(fields | wanted, OrderCreated)
    except Refused as refused:
        raise SagaError(f"The order is not valid: {refused}", "Fix it and try again") from None


def _tell(stack: Stack, *events: Event) -> None:
    EventBridgeBus(stack.client("events"), stack.outputs["BusName"]).tell(events)


def _post(stack: Stack, wanted: dict[str, Any], key: str) -> str:
    posts = 0
    while True:
        posts += 1
        try:
            return str(api.place_order(stack, wanted, key)["orderId"])
        except api.Unavailable:
            if posts == POSTS_MAX:
                raise
            time.sleep(PAUSE_SECONDS)


def wait_until_closed(stack: Stack, order_id: str, timeout_seconds: float = WAIT_SECONDS) -> dict[str, Any] | None:
    """Returns the API's answer about the order once it is closed, or None if it is not closed in time."""
    deadline = time.monotonic() + timeout_seconds
    while time.monotonic() < deadline:
        order = api.get_order(stack, order_id)
        if order and order["status"] in choreography.closed():
            return order
        time.sleep(0.2)
    return None
