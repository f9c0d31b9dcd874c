"""The deployed HTTP API, called as AWS wants it called: signed."""

import json
from typing import Any

from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.exceptions import BotoCoreError
from botocore.httpsession import URLLib3Session

from sagactl.errors import SagaError
from sagactl.stack.deployed import Stack

_http = URLLib3Session()


def place_order(stack: Stack, order: dict[str, Any], key: str | None = None) -> dict[str, Any]:
    """POST /orders; `key` is the Idempotency-Key. Raises SagaError with what the API refuses."""
    headers = {"Content-Type": "application/json"} | ({"Idempotency-Key": key} if key else {})
    status, answer = _call(stack, "POST", "/orders", headers, json.dumps(order))
    if status != 202:  # noqa: PLR2004
        problems = "; ".join(answer.get("problems", [answer.get("message", "no reason given")]))
        raise SagaError(f"The API answers {status}: {problems}", "Mend the order, and try again")
    return answer


def get_order(stack: Stack, order_id: str) -> dict[str, Any] | None:
    """GET /orders/{orderId}; None while the order service has not heard of it."""
    status, answer = _call(stack, "GET", f"/orders/{order_id}", {}, "")
    return answer if status == 200 else None  # noqa: PLR2004


def send(stack: Stack, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> AWSResponse:
    """The API's answer, whatever it is. Raises SagaError if there is none."""
    request = AWSRequest(method, stack.api_url + path, headers, body)
    stack.where.sign(request, "execute-api")
    try:
        return _http.send(request.prepare())
    except BotoCoreError as error:
        raise _silent(stack, error) from None


def _call(stack: Stack, method: str, path: str, headers: dict[str, str], body: str) -> tuple[int, dict[str, Any]]:
    response = send(stack, method, path, headers, body.encode())
    try:
        return response.status_code, json.loads(response.content or b"{}")
    except ValueError as error:
        raise _silent(stack, error) from None


def _silent(stack: Stack, error: Exception) -> SagaError:
    return SagaError(f"The API at {stack.api_url} does not answer: {error}", "Is it deployed? saga deploy")
