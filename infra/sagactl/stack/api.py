"""The deployed HTTP API. Every call is signed, as AWS demands."""

import json
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from sagactl.errors import SagaError
from sagactl.stack.aws import Target
from sagactl.stack.deployed_stack import Stack

if TYPE_CHECKING:
    from botocore.awsrequest import AWSResponse


class Unavailable(SagaError):
    """The API failed at a request that is right, and that it may have recorded. To repeat it does no harm."""


def place_order(stack: Stack, order: dict[str, Any], key: str) -> dict[str, Any]:
    """Calls POST /orders; `key` is the Idempotency-Key. Raises SagaError with what the API refuses; Unavailable."""
    headers = {"Content-Type": "application/json", "Idempotency-Key": key}
    return _accepted("Fix the order and try again", *_call(stack, "POST", "/orders", headers, json.dumps(order)))


def cancel_order(stack: Stack, order_id: str) -> dict[str, Any]:
    """Calls POST /orders/{orderId}/cancel.

    Raises SagaError if there is no such order, or if it is COMPLETED; Unavailable.
    """
    answer = _call(stack, "POST", f"/orders/{order_id}/cancel", {}, "")
    return _accepted(f"Look at the order: saga trace {order_id}", *answer)


def get_order(stack: Stack, order_id: str) -> dict[str, Any] | None:
    """Calls GET /orders/{orderId}; returns None while the order service does not know the order."""
    status, answer = _call(stack, "GET", f"/orders/{order_id}", {}, "")
    return answer if status == HTTPStatus.OK else None


def send(stack: Stack, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> "AWSResponse":
    """Returns the API's answer, whatever its status. Raises SagaError if there is none."""
    from botocore.awsrequest import AWSRequest
    from botocore.exceptions import BotoCoreError

    request = AWSRequest(method, stack.api_url + path, headers, body)
    stack.where.sign(request, "execute-api")
    try:
        answer: AWSResponse = _http(stack.where, stack.api_url).send(request.prepare())
    except BotoCoreError as error:
        raise _silent(stack, error) from None
    return answer


@cache
def _http(where: Target, url: str) -> Any:
    from botocore.httpsession import URLLib3Session
    from botocore.utils import get_environ_proxies

    proxies = {} if where.is_here else get_environ_proxies(url)
    return URLLib3Session(proxies=proxies)


def _call(stack: Stack, method: str, path: str, headers: dict[str, str], body: str) -> tuple[int, dict[str, Any]]:
    response = send(stack, method, path, headers, body.encode())
    try:
        return response.status_code, json.loads(response.content or b"{}")
    except ValueError as error:
        raise _silent(stack, error) from None


def _accepted(remedy: str, status: int, answer: dict[str, Any]) -> dict[str, Any]:
    if status == HTTPStatus.ACCEPTED:
        return answer
    problems = "; ".join(answer.get("problems", [answer.get("message", "no reason given")]))
    said = f"The API answers {status}: {problems}"
    if status < HTTPStatus.INTERNAL_SERVER_ERROR:
        raise SagaError(said, remedy)
    named = answer.get("orderId")
    if named:
        raise Unavailable(f"{said}. The order is {named}", f"See what became of it: saga trace {named}")
    raise Unavailable(said, "Look at the log: saga logs --service order")


def _silent(stack: Stack, error: Exception) -> SagaError:
    return SagaError(f"The API at {stack.api_url} does not answer: {error}", "Is it deployed? Deploy it: saga deploy")
