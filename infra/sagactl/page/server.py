"""The page's server: reads and acts with the caller's own credentials, for this machine alone.

Other pages in the same browser can reach this address too. They get nothing: a name that is not this machine's is
refused (DNS rebinding), and so is every change that another page asks for.
"""

import json
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from botocore.exceptions import BotoCoreError, ClientError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from journal.items import STATES
from sagactl.design import choreography
from sagactl.errors import SagaError
from sagactl.page.live import Feed, Known, Live
from sagactl.stack import api, dead_letters, journal, redrive, shop, story
from sagactl.stack.deployed import Stack

HOSTS = ["localhost", "127.0.0.1"]
PAGE = 25  # orders
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_PASSED_ON = ("content-type", "idempotency-key")


class Guard:
    """Refuses changes that another page asks for; a program that is no browser names no origin."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        app = self.app
        if scope["type"] == "http" and scope["method"] not in ("GET", "HEAD"):
            app = _refusal(Headers(scope=scope)) or app
        await app(scope, receive, guarded)


class Desk:
    """What the page asks for."""

    def __init__(self, find: Callable[[], Stack]) -> None:
        self._find = find

    def graph(self, _: Request) -> Response:
        steps = [step for step in choreography.steps() if step.heard is None]
        events = [
            {
                "name": event.name,
                "kind": choreography.kind_of(event.name),
                "toldBy": service,
                "heardBy": choreography.heard_by(event.name, event.source),
                "isUnasked": any(event in step.tells for step in steps),
            }
            for service in choreography.services()
            for event in choreography.tells_of(service)
        ]
        return JSONResponse({"services": choreography.services(), "events": events})

    def shop(self, _: Request) -> Response:
        stack = self._find()
        ways = shop.five_ways(shop.available_of(stack, shop.PRODUCT) or 0)
        presets = [vars(way) | {"productId": shop.PRODUCT} for way in ways]
        return JSONResponse({"place": stack.where.endpoint_url or "AWS", "ways": presets})

    def orders(self, request: Request) -> Response:
        """A page of them, newest first; `next` is where the next page starts."""
        states = request.query_params.getlist("state") or STATES
        if unknown := set(states) - set(STATES):
            raise HTTPException(HTTPStatus.BAD_REQUEST, f"state: {sorted(unknown)} are none of {', '.join(STATES)}")
        before = request.query_params.get("before", journal.END)
        found = journal.orders(self._find(), states, limit=PAGE + 1, before=before)
        shown = found[:PAGE]
        fields = [
            {"orderId": one.order_id, "status": one.status, "openedAt": one.opened_at, "tookMs": one.took_ms}
            for one in shown
        ]
        return JSONResponse({"orders": fields, "next": shown[-1].cursor if len(found) > PAGE else None})

    def story(self, request: Request) -> Response:
        stack = self._find()
        try:
            return JSONResponse(story.fields(story.read(stack, request.path_params["order_id"])))
        except SagaError as error:
            raise HTTPException(HTTPStatus.NOT_FOUND, str(error)) from None

    async def put(self, request: Request) -> Response:
        """Places an order by nothing but an event on the bus."""
        wanted, stack = await _json(request), await run_in_threadpool(self._find)
        try:
            order_id = await run_in_threadpool(shop.place, stack, wanted, "bus")
        except SagaError as error:
            raise HTTPException(HTTPStatus.BAD_REQUEST, str(error)) from None
        return JSONResponse({"orderId": order_id}, HTTPStatus.ACCEPTED)

    def letters(self, _: Request) -> Response:
        with dead_letters.held(self._find()) as found:
            letters = [letter.fields(letter.failure) for letter in found.letters]
        return JSONResponse({"deadLetters": letters})

    async def redrive(self, request: Request) -> Response:
        """One dead letter, or all if none is named."""
        message_id = (await _json(request)).get("messageId")
        return JSONResponse({"redriven": await run_in_threadpool(self._redrive, message_id)})

    def _redrive(self, message_id: object) -> list[dict[str, Any]]:
        stack = self._find()
        with dead_letters.held(stack) as found:
            letters = [letter for letter in found.letters if message_id in (None, letter.message_id)]
            outcomes = list(redrive.redrive(stack, letters))
        return [{"became": o.became, "error": o.failure and str(o.failure), "event": o.letter.name} for o in outcomes]

    async def pass_on(self, request: Request) -> Response:
        """The public API, signed as AWS wants it: the answer is the API's own."""
        order_id = request.path_params.get("order_id")
        path = "/orders" if order_id is None else f"/orders/{quote(order_id, safe='')}"
        headers = {name: request.headers[name] for name in _PASSED_ON if name in request.headers}
        body = await request.body()
        answer = await run_in_threadpool(lambda: api.send(self._find(), request.method, path, headers, body))
        kept = {name: value for name, value in answer.headers.items() if name.lower() in ("content-type", "location")}
        return Response(answer.content, answer.status_code, kept)


def application(find: Callable[[], Stack]) -> Starlette:
    """The page for the stack that `find` finds."""
    known = Known(find)
    desk, live = Desk(known), Live(Feed(known))

    def failed(_: Request, error: Exception) -> Response:
        known.forget()
        return _problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error))

    async def listen(_: Request) -> Response:
        return StreamingResponse(live.listen(), media_type="text/event-stream")

    routes = [
        Route("/orders", desk.pass_on, methods=["POST"]),
        Route("/orders/{order_id}", desk.pass_on, methods=["GET"]),
        Route("/page/graph", desk.graph),
        Route("/page/shop", desk.shop),
        Route("/page/live", listen),
        Route("/page/orders", desk.orders, methods=["GET"]),
        Route("/page/orders", desk.put, methods=["POST"]),
        Route("/page/orders/{order_id}", desk.story),
        Route("/page/dead-letters", desk.letters, methods=["GET"]),
        Route("/page/dead-letters", desk.redrive, methods=["POST"]),
        Mount("/", StaticFiles(directory=Path(__file__).parent / "static", html=True)),
    ]
    middleware = [Middleware(Guard), Middleware(TrustedHostMiddleware, allowed_hosts=HOSTS, www_redirect=False)]
    failures: Any = {SagaError: failed, BotoCoreError: failed, ClientError: failed, HTTPException: _refused}
    return Starlette(routes=routes, middleware=middleware, exception_handlers=failures)


def _refusal(headers: Headers) -> Response | None:
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != headers.get("host"):
        return _problem(HTTPStatus.FORBIDDEN, "Origin: only this page may ask for changes")
    if headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
        return _problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Content-Type: expected application/json")
    return None


async def _json(request: Request) -> dict[str, Any]:
    try:
        content = json.loads(await request.body())
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise HTTPException(HTTPStatus.BAD_REQUEST, "body: expected a JSON object")
    return content


def _refused(_: Request, error: HTTPException) -> Response:
    return _problem(error.status_code, error.detail)


def _problem(status: int, *problems: str) -> Response:
    """As the API's own refusals are."""
    return JSONResponse({"message": HTTPStatus(status).phrase, "problems": problems}, status)
