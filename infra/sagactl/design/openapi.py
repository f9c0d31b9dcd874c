"""The HTTP API as an OpenAPI document. The tests compare every answer with it."""

from enum import StrEnum
from typing import Any, get_args, get_type_hints

from msgspec import Struct

from contracts.values import IDEMPOTENCY_KEY, Amount, ProductId, Quantity, Reason
from order.reactions import Order
from order.triggers import PlaceOrder
from saga.event import OrderId, Timestamp
from sagactl.design.schemas import REFERENCE, components

# A type of its own has one name in every client that is made from the document.
_STATUSES = {status: status for status in sorted(get_args(get_type_hints(Order)["status"]))}
Status: Any = StrEnum("Status", _STATUSES)  # type: ignore[misc]  # mypy wants members written out; these are Order's
_TAG = "orders"
_SERVERS: list[dict[str, Any]] = [
    {"url": "http://localhost:3001", "description": "What `saga watch` passes on, and where sam local listens."},
    {
        "url": "http://127.0.0.1:4566/_aws/execute-api/{apiId}/v1",
        "description": "LocalStack. `saga url` prints the whole address.",
        "variables": {"apiId": {"default": "apiId", "description": "What LocalStack named the API."}},
    },
    {
        "url": "https://{apiId}.execute-api.{region}.amazonaws.com/v1",
        "description": "AWS. `saga url --aws` prints the whole address.",
        "variables": {
            "apiId": {"default": "apiId", "description": "What AWS named the API."},
            "region": {"default": "us-east-1", "description": "Where the stack is deployed."},
        },
    },
]


_ORDER_ID = {"name": "orderId", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}
_TRACEPARENT = {
    "name": "traceparent",
    "in": "header",
    "description": "The caller's trace (W3C Trace Context). Every event that follows says it. One that is not valid is "
    "left out.",
    "schema": {"type": "string"},
}


class Placed(Struct, rename="camel", forbid_unknown_fields=True):
    """The order and its present status: that of a new order is PENDING."""

    order_id: OrderId
    status: Status  # pyright: ignore[reportInvalidTypeForm]  # it is made of the hint of Order.status


class Settled(Struct, forbid_unknown_fields=True):
    """Whether payment and stock of a failed order are given back, or were never taken."""

    payment: bool
    stock: bool


class OrderStatus(Struct, rename="camel", forbid_unknown_fields=True):
    """Product, quantity and amount are null until OrderCreated is heard.

    `cancelledAt` is when the customer wanted the order back, whether or not that came in time.
    """

    order_id: OrderId
    status: Status  # pyright: ignore[reportInvalidTypeForm]  # it is made of the hint of Order.status
    product_id: ProductId | None
    quantity: Quantity | None
    amount: Amount | None
    opened_at: Timestamp
    settled: Settled
    cancelled_at: Timestamp | None
    reason: Reason | None


class Problems(Struct, forbid_unknown_fields=True):
    """Everything that is wrong with the request, each as `field: problem`. Nothing has changed."""

    message: str
    problems: list[str]


class Unavailable(Struct, rename="camel", forbid_unknown_fields=True):
    """AWS fails, and the request may have been recorded all the same. `orderId` is the order's."""

    message: str
    problems: list[str]
    order_id: OrderId


def document() -> dict[str, Any]:
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Order saga",
            "version": "1.0.0",
            "description": "Place an order, get its status, or cancel it. On AWS, calls are signed with SigV4. To any "
            "other method or path, API Gateway itself answers 403, Missing Authentication Token.",
        },
        "servers": _SERVERS,
        "tags": [{"name": _TAG, "description": "An order, from when it is placed until it is COMPLETED or FAILED."}],
        "security": [{"sigv4": []}],
        "paths": {
            "/orders": {"post": _post()},
            "/orders/{orderId}": {"get": _get()},
            "/orders/{orderId}/cancel": {"post": _cancel()},
        },
        "components": {
            "schemas": components(PlaceOrder, Placed, OrderStatus, Problems, Unavailable),
            "securitySchemes": {
                "sigv4": {
                    "type": "apiKey",
                    "name": "Authorization",
                    "in": "header",
                    "x-amazon-apigateway-authtype": "awsSigv4",
                }
            },
        },
    }


def _post() -> dict[str, Any]:
    key = {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "A request with a key that was used before returns the order placed then, and places no other.",
        "schema": {"type": "string", "pattern": f"^{IDEMPOTENCY_KEY}$"},
    }
    placed = _answer(
        "The order is recorded, and OrderCreated is told, or may have been. GET returns its status from then on.",
        Placed,
    )
    untold = _answer(
        "Nobody has heard of the order. If it is recorded, it fails by itself, unless the request is repeated with the "
        "same Idempotency-Key: then it goes on. Without a key, the repetition is another order.",
        Unavailable,
    )
    location = {
        "Location": {
            "description": "Where to get the order's status.",
            "schema": {"type": "string", "format": "uri-reference"},
        }
    }
    return {
        "operationId": "placeOrder",
        "tags": [_TAG],
        "summary": "Place an order",
        "parameters": [key, _TRACEPARENT],
        "requestBody": {"required": True, "content": _json(PlaceOrder)},
        "responses": {
            "202": placed | {"headers": location},
            "400": _answer("The body or the Idempotency-Key is not valid.", Problems),
            "409": _answer("The Idempotency-Key was used with another body.", Problems),
            "413": _answer("The body is too long.", Problems),
            "415": _answer("The Content-Type is not application/json.", Problems),
            "503": untold | {"headers": location},
        },
    }


def _get() -> dict[str, Any]:
    return {
        "operationId": "getOrder",
        "tags": [_TAG],
        "summary": "Get an order's status",
        "parameters": [_ORDER_ID],
        "responses": {
            "200": _answer("The order and its status.", OrderStatus),
            "404": _answer("There is no such order.", Problems),
            "503": _answer("The status can't be read now.", Unavailable),
        },
    }


def _cancel() -> dict[str, Any]:
    return {
        "operationId": "cancelOrder",
        "tags": [_TAG],
        "summary": "Cancel an order",
        "description": "Asking again is as good as asking once.",
        "parameters": [_ORDER_ID, _TRACEPARENT],
        "responses": {
            "202": _answer(
                "The order is asked back, unless it failed before. GET returns FAILED once everything is undone, or "
                "COMPLETED if it had been shipped.",
                Placed,
            ),
            "404": _answer("There is no such order.", Problems),
            "409": _answer("The order is COMPLETED.", Problems),
            "503": _answer("The order may not be cancelled. Ask again.", Unavailable),
        },
    }


def _answer(description: str, kind: type[Struct]) -> dict[str, Any]:
    return {"description": description, "content": _json(kind)}


def _json(kind: type[Struct]) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": REFERENCE.format(name=kind.__name__)}}}
