"""Order's HTTP API.

POST /orders places an order, GET /orders/{orderId} returns its status, POST /orders/{orderId}/cancel asks for it back.
"""

import base64
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any
from uuid import UUID, uuid4, uuid5

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.logging.correlation_paths import API_GATEWAY_REST
from botocore.exceptions import BotoCoreError, ClientError
from msgspec.structs import astuple, replace

from contracts.events import OrderCancelled, OrderCreated
from contracts.values import IDEMPOTENCY_KEY
from order.app import service
from order.reactions import Order
from order.triggers import PlaceOrder, cancel, create
from saga.bus import NotTold
from saga.event import Event, Metadata, Timestamp
from saga.ledger import Conflict, Entry
from saga.observe import count, logger
from saga.serialization import Refused, parse, to_json
from saga.service import fact

BODY_BYTES_MAX = 64 * 1024
_ORDER_OF_KEY = UUID("6a5f1c9e-7f5b-4f0e-9a57-6f1f6c1f1d52")  # UUIDv5 namespace of Idempotency-Key headers

app = APIGatewayRestResolver()


class HttpError(Exception):
    """A request that is refused and changes nothing; the response names each of its problems."""

    def __init__(self, status: HTTPStatus, *problems: str) -> None:
        self.status = status
        self.problems = problems


class Unavailable(Exception):
    """AWS fails, and the request may have been recorded all the same; the response has the order's ID."""

    def __init__(self, order_id: UUID, problem: str, **headers: str) -> None:
        self.order_id = order_id
        self.problem = problem
        self.headers = headers


@logger.inject_lambda_context(correlation_id_path=API_GATEWAY_REST, clear_state=True)
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    try:
        return app.resolve(event, context)
    except Exception as error:
        log_failure(error)
        raise


@app.post("/orders")
def post_order() -> Response[str]:
    """Records the order, then tells OrderCreated: should that be lost, the watchdog finds the order.

    A repeated Idempotency-Key returns the order it placed, and tells OrderCreated again only while that is open.
    A 503 means that nobody has heard of the order: it fails by itself, unless the key is repeated. If EventBridge does
    not answer, somebody may have: that is a 202, because whoever repeats a 503 without a key would order twice.
    """
    order_id = new_order_id()
    wanted = wanted_order()
    now = Timestamp.now()
    event = create(order_id, wanted, now)
    location = f"orders/{order_id}"
    logger.append_keys(orderId=str(order_id), detailType=event.name)
    with naming(
        order_id, "recorded at most, and told to nobody. Repeat it with its Idempotency-Key", Location=location
    ):
        entry = service.learn(event, now, opens=True).entry
        order = entry.state
        if (order.product_id, order.quantity, order.amount) != astuple(wanted):
            raise HttpError(HTTPStatus.CONFLICT, "Idempotency-Key: already used with another body")
        told = "nothing"
        if order.is_open:
            told = tell_created(fact(entry, OrderCreated, Metadata(traceparent=traceparent())))
    logger.info("placed", decided=order.status, told=told)
    return json_response(HTTPStatus.ACCEPTED, {"orderId": order_id, "status": order.status}, Location=location)


def tell_created(event: Event) -> str:
    """Returns what was told as far as is known. Raises NotTold or ClientError if EventBridge refuses it."""
    try:
        service.bus.tell([event])
    except BotoCoreError as error:
        log_failure(error)
        return "unknown"
    return event.name


@app.get("/orders/<order_id>")
def get_order(order_id: str) -> Response[str]:
    entry = known_order(order_id)
    order = entry.state
    return json_response(
        HTTPStatus.OK,
        {
            "orderId": entry.order_id,
            "status": order.status,
            "productId": order.product_id,
            "quantity": order.quantity,
            "amount": order.amount,
            "openedAt": entry.opened_at,
            "settled": {"payment": order.payment_settled, "stock": order.stock_settled},
            "cancelledAt": order.cancelled_at,
            "reason": order.reason,
        },
    )


@app.post("/orders/<order_id>/cancel")
def cancel_order(order_id: str) -> Response[str]:
    """Notes that the customer wants the order back, then tells OrderCancelled. Shipping decides if it comes in time.

    Asking again is as good as asking once; what was lost the first time is told then. What may not have been told is a
    503, because nobody but the customer asks again.
    """
    known = known_order(order_id)
    logger.append_keys(detailType=OrderCancelled.name)
    now = Timestamp.now()
    with naming(known.order_id, "may not be cancelled. Ask again"):
        entry = service.learn(cancel(known.order_id, now), now).entry
        order = entry.state
        if order.status == "COMPLETED":
            raise HttpError(HTTPStatus.CONFLICT, "orderId: the order has been shipped")
        told = "nothing"
        if order.is_open:
            at = order.cancelled_at or now
            metadata = Metadata(answers=order.answers, traceparent=traceparent())
            service.bus.tell([replace(cancel(entry.order_id, at), metadata=metadata)])
            told = OrderCancelled.name
    logger.info("cancelled", decided=order.status, told=told)
    return json_response(HTTPStatus.ACCEPTED, {"orderId": entry.order_id, "status": order.status})


@contextmanager
def naming(order_id: UUID, problem: str, **headers: str) -> Iterator[None]:
    """Whoever asked learns the order's ID, even if AWS refuses, or does not answer, what the block calls."""
    try:
        yield
    except (BotoCoreError, ClientError, Conflict, NotTold) as error:
        raise Unavailable(order_id, f"orderId: {problem}", **headers) from error


@app.exception_handler(HttpError)  # type: ignore[untyped-decorator]  # untyped in powertools
def refuse(error: HttpError) -> Response[str]:
    count("Refusals")
    logger.warning("refused", status=error.status, problems=error.problems)
    return json_response(error.status, {"message": error.status.phrase, "problems": error.problems})


@app.exception_handler(Unavailable)  # type: ignore[untyped-decorator]  # untyped in powertools
def apologise(error: Unavailable) -> Response[str]:
    log_failure(error.__cause__)
    status = HTTPStatus.SERVICE_UNAVAILABLE
    answer = {"message": status.phrase, "problems": [error.problem], "orderId": error.order_id}
    return json_response(status, answer, **error.headers)


def log_failure(error: BaseException | None) -> None:
    count("Failures")
    logger.error(f"{type(error).__name__}: {error}")


def new_order_id() -> UUID:
    """Returns a random id, or the one that follows from the Idempotency-Key header and the caller's AWS account."""
    key = app.current_event.headers.get("Idempotency-Key")
    if key is None:
        return uuid4()
    if not re.fullmatch(IDEMPOTENCY_KEY, key):
        raise HttpError(HTTPStatus.BAD_REQUEST, "Idempotency-Key: expected 1 to 255 printable ASCII characters")
    context = app.current_event.request_context
    account_id = context.identity.account_id or context.account_id  # the caller's, if it signed, or else the API's
    return uuid5(_ORDER_OF_KEY, f"{account_id}:{key}")


def traceparent() -> str | None:
    """Returns the caller's header of W3C Trace Context; one that is not valid is left out, as that standard says."""
    header = app.current_event.headers.get("traceparent") or ""
    return header if re.fullmatch("[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", header) else None


def known_order(order_id: str) -> Entry[Order]:
    unknown = HttpError(HTTPStatus.NOT_FOUND, "orderId: no such order")
    try:
        parsed = UUID(order_id)
    except ValueError:
        raise unknown from None
    logger.append_keys(orderId=str(parsed))
    with naming(parsed, "can't be read now. Ask again"):
        entry = service.ledger.recall(parsed)
    if entry is None:
        raise unknown
    return entry


def wanted_order() -> PlaceOrder:
    content_type = app.current_event.headers.get("Content-Type") or ""
    if content_type.split(";")[0].strip().lower() != "application/json":
        raise HttpError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Content-Type: expected application/json")
    try:
        return parse(json.loads(body()), PlaceOrder)
    except Refused as refused:
        raise HttpError(HTTPStatus.BAD_REQUEST, *refused.problems) from None
    except (ValueError, RecursionError):
        raise HttpError(HTTPStatus.BAD_REQUEST, "body: not valid JSON") from None


def body() -> bytes:
    text = app.current_event.body or ""
    raw = base64.b64decode(text) if app.current_event.is_base64_encoded else text.encode()
    if len(raw) > BODY_BYTES_MAX:
        raise HttpError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"body: over {BODY_BYTES_MAX} bytes")
    return raw


def json_response(status: HTTPStatus, content: dict[str, Any], **headers: str) -> Response[str]:
    return Response(status, "application/json", to_json(content).decode(), headers)
