"""The page's web application: its routes, what protects them, and how failures are answered."""

from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from sagactl.errors import SagaError
from sagactl.page.activity import RecentActivity
from sagactl.page.broadcast import Broadcast
from sagactl.page.endpoints import Endpoints
from sagactl.page.problems import problem
from sagactl.page.security import HOSTS, SameOriginMiddleware, SecurityHeadersMiddleware
from sagactl.page.stack_cache import StackCache
from sagactl.stack.deployed_stack import Stack

_STATIC = Path(__file__).parent / "static"


def application(find: Callable[[], Stack]) -> Starlette:
    """The page for the stack that `find` finds."""
    cache = StackCache(find)
    live = Broadcast(RecentActivity(cache))

    async def listen(_: Request) -> Response:
        return StreamingResponse(live.listen(), media_type="text/event-stream")

    def failed(_: Request, error: Exception) -> Response:
        cache.forget()
        return problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error))

    failures: Any = {SagaError: failed, BotoCoreError: failed, ClientError: failed, HTTPException: _refused}
    routes = [
        *_routes(Endpoints(cache.get)),
        Route("/page/live", listen),
        Mount("/", StaticFiles(directory=_STATIC, html=True)),
    ]
    return Starlette(routes=routes, middleware=_middleware(), exception_handlers=failures)


def _routes(endpoints: Endpoints) -> list[Route]:
    return [
        Route("/orders", endpoints.post_order, methods=["POST"]),
        Route("/orders/{order_id}", endpoints.get_order, methods=["GET"]),
        Route("/orders/{order_id}/cancel", endpoints.cancel_order, methods=["POST"]),
        Route("/page/graph", endpoints.graph),
        Route("/page/asyncapi.json", endpoints.asyncapi),
        Route("/page/openapi.json", endpoints.openapi),
        Route("/page/shop", endpoints.presets),
        Route("/page/orders", endpoints.orders, methods=["GET"]),
        Route("/page/orders", endpoints.put_order, methods=["POST"]),
        Route("/page/orders/{order_id}", endpoints.order_story),
        Route("/page/dead-letters", endpoints.dead_letters, methods=["GET"]),
        Route("/page/dead-letters", endpoints.redrive, methods=["POST"]),
        Route("/page/dead-letters/discarded", endpoints.discard, methods=["POST"]),
    ]


def _middleware() -> list[Middleware]:
    """The first is the outermost, so refusals carry the headers as well."""
    return [
        Middleware(SecurityHeadersMiddleware),
        Middleware(SameOriginMiddleware),
        Middleware(TrustedHostMiddleware, allowed_hosts=HOSTS, www_redirect=False),
    ]


def _refused(_: Request, error: HTTPException) -> Response:
    return problem(error.status_code, error.detail)
