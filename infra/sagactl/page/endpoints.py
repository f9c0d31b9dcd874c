"""The answers to the page's requests: what it shows, and the orders and redrives that it asks for."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from threading import Lock
from typing import Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from journal.items import STATES
from saga.event import Event
from sagactl.design import choreography
from sagactl.design.ways import PRODUCT
from sagactl.errors import SagaError
from sagactl.paths import PROJECT
from sagactl.stack import api, dead_letters, demo_orders, discard, journal, redrive, shop, story
from sagactl.stack.dead_letters import Found
from sagactl.stack.deployed_stack import Stack
from sagactl.stack.redrive import Redriven

ORDERS_PER_PAGE = 25
ORDERS_LOOKED_AT = 500  # for a page: if a reason is rare, whoever wants more asks for the next one
ORDERS_READ_AT_ONCE = 100  # of a state's shard, if most may not be shown
_EVENTS = PROJECT / "events"
_REQUEST_HEADERS = ("content-type", "idempotency-key")
_RESPONSE_HEADERS = ("content-type", "location")


class Endpoints:
    """A method for each route. `find` gives the stack, or raises SagaError."""

    def __init__(self, find: Callable[[], Stack]) -> None:
        self._find = find
        self._letters = Lock()  # whoever reads dead letters hides them from others, who would find none

    def graph(self, _: Request) -> Response:
        """The services, and every event with the services that tell and hear it."""
        events: list[dict[str, Any]] = []
        for service in choreography.services():
            events += [_event(event, service) for event in choreography.tells_of(service)]
        return JSONResponse({"services": choreography.services(), "events": events})

    def asyncapi(self, _: Request) -> Response:
        return FileResponse(_EVENTS / "asyncapi.json", filename="asyncapi.json")

    def openapi(self, _: Request) -> Response:
        return FileResponse(_EVENTS / "openapi.json", filename="openapi.json")

    def presets(self, _: Request) -> Response:
        """An order to place for each way an order can go, and where the stack is."""
        stack = self._find()
        trials = demo_orders.all_trials(shop.available_of(stack, PRODUCT) or 0)
        place = stack.where.endpoint_url or "AWS"
        return JSONResponse({"place": place, "ways": [_preset(one) for one in trials]})

    def orders(self, request: Request) -> Response:
        """The newest orders as the query wants them; `next` is where the next page starts, or null."""
        reason = request.query_params.get("reason")
        since = request.query_params.get("since", "0")
        before = request.query_params.get("before", journal.END)
        states = _states(request)
        page = ORDERS_PER_PAGE + 1
        if reason:
            states = [state for state in states if state != "COMPLETED"]
            page = ORDERS_READ_AT_ONCE
        newest = journal.newest(self._find(), states, page=page, since=since, before=before)
        shown: list[journal.Summary] = []
        last = before
        following = None
        for number, order in enumerate(newest):
            if len(shown) == ORDERS_PER_PAGE or number == ORDERS_LOOKED_AT:
                following = last
                break
            last = order.cursor
            if reason in (None, *story.failures(order)):
                shown.append(order)
        return JSONResponse({"orders": [_order(order) for order in shown], "next": following})

    def order_story(self, request: Request) -> Response:
        stack = self._find()
        try:
            found = story.read(stack, request.path_params["order_id"])
        except SagaError as error:
            raise HTTPException(HTTPStatus.NOT_FOUND, str(error)) from None
        return JSONResponse(story.fields(found))

    async def put_order(self, request: Request) -> Response:
        """Places an order with an event on the bus; the API has no part in it. One that is `cancelled` is, in time."""
        order = await _json(request)
        stack = await run_in_threadpool(self._find)
        try:
            order_id = await run_in_threadpool(_put, stack, order)
        except SagaError as error:
            raise HTTPException(HTTPStatus.BAD_REQUEST, str(error)) from None
        return JSONResponse({"orderId": order_id}, HTTPStatus.ACCEPTED)

    def dead_letters(self, _: Request) -> Response:
        with self._held() as (_stack, found):
            letters = [letter.fields(letter.failure) for letter in found.letters]
        return JSONResponse({"deadLetters": letters, "mayBeMore": found.may_be_more})

    async def redrive(self, request: Request) -> Response:
        """Redrives the dead letters with these `messageIds`, or all of them if none are given."""
        asked = await _json(request)
        wanted = _message_ids(asked) if "messageIds" in asked else None
        outcomes = await run_in_threadpool(self._redrive, wanted)
        return JSONResponse({"redriven": [_outcome(outcome) for outcome in outcomes]})

    def _redrive(self, wanted: list[str] | None) -> list[Redriven]:
        with self._held() as (stack, found):
            letters = [letter for letter in found.letters if wanted is None or letter.message_id in wanted]
            return list(redrive.redrive(stack, letters))

    async def discard(self, request: Request) -> Response:
        """Discards the dead letters with these `messageIds`, for the `reason` given."""
        asked = await _json(request)
        reason = asked.get("reason")
        if not isinstance(reason, str) or not reason.strip():
            raise HTTPException(HTTPStatus.BAD_REQUEST, "reason: expected a text that says why")
        gone = await run_in_threadpool(self._discard, _message_ids(asked), reason)
        return JSONResponse({"discarded": gone})

    def _discard(self, wanted: list[str], reason: str) -> list[str]:
        with self._held() as (stack, found):
            letters = [letter for letter in found.letters if letter.message_id in wanted]
            return [letter.name for letter in discard.discard(stack, letters, reason)]

    @contextmanager
    def _held(self) -> Iterator[tuple[Stack, Found]]:
        stack = self._find()
        with self._letters, dead_letters.held(stack) as found:
            yield stack, found

    async def post_order(self, request: Request) -> Response:
        return await self._forward(request, "/orders")

    async def get_order(self, request: Request) -> Response:
        return await self._forward(request, _path_of_order(request))

    async def cancel_order(self, request: Request) -> Response:
        return await self._forward(request, f"{_path_of_order(request)}/cancel")

    async def _forward(self, request: Request, path: str) -> Response:
        """Sends the request on to the deployed API, signed, and answers what the API answers."""
        headers = {name: request.headers[name] for name in _REQUEST_HEADERS if name in request.headers}
        body = await request.body()
        answer = await run_in_threadpool(lambda: api.send(self._find(), request.method, path, headers, body))
        kept = {name: value for name, value in answer.headers.items() if name.lower() in _RESPONSE_HEADERS}
        return Response(answer.content, answer.status_code, kept)


def _path_of_order(request: Request) -> str:
    return f"/orders/{quote(request.path_params['order_id'], safe='')}"


async def _json(request: Request) -> dict[str, Any]:
    try:
        content = json.loads(await request.body())
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise HTTPException(HTTPStatus.BAD_REQUEST, "body: expected a JSON object")
    return content


def _message_ids(asked: dict[str, Any]) -> list[str]:
    match asked.get("messageIds"):
        case [*message_ids] if message_ids and all(isinstance(one, str) for one in message_ids):
            return message_ids
    raise HTTPException(HTTPStatus.BAD_REQUEST, "messageIds: expected a list of texts")


def _states(request: Request) -> list[str]:
    """The states that the query names; all of them if it names none."""
    states = request.query_params.getlist("state") or list(STATES)
    for state in states:
        if state not in STATES:
            raise HTTPException(HTTPStatus.BAD_REQUEST, f"state: {state!r} is not one of {', '.join(STATES)}")
    return states


def _event(event: type[Event], service: str) -> dict[str, Any]:
    triggered = [step for step in choreography.steps() if step.heard is None]
    return {
        "name": event.name,
        "kind": choreography.kind_of(event.name),
        "toldBy": service,
        "heardBy": choreography.heard_by(event.name, event.source),
        "isTriggered": any(event in step.tells for step in triggered),
        "closes": event in choreography.ends(),
    }


def _put(stack: Stack, order: dict[str, Any]) -> str:
    if order.get("cancelled") is True:
        return shop.place_cancelled(stack, order)
    return shop.place(stack, order, "bus")


def _preset(one: demo_orders.Trial) -> dict[str, Any]:
    return one.way.wanted | {"title": one.way.title, "via": one.via, "cancelled": one.way.is_cancelled}


def _order(order: journal.Summary) -> dict[str, Any]:
    return {
        "orderId": order.order_id,
        "status": order.status,
        "openedAt": order.opened_at,
        "tookMs": order.took_ms,
        "failures": story.failures(order),
        "awaits": story.awaited(order),
    }


def _outcome(outcome: Redriven) -> dict[str, Any]:
    error = str(outcome.failure) if outcome.failure else None
    return {"event": outcome.letter.name, "became": outcome.became, "error": error}
