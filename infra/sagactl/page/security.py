"""What keeps other pages in the same browser away from the page's server.

They can reach its address too, and it acts with the caller's own AWS credentials. So it answers only to this
machine's names (which stops DNS rebinding), and it takes changes only from its own page.
"""

from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sagactl.page.problems import problem

HOSTS = ["localhost", "127.0.0.1"]
_READING_METHODS = ("GET", "HEAD")
_CONTENT_POLICY = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
]
_HEADERS = {
    "Content-Security-Policy": "; ".join(_CONTENT_POLICY),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


class SecurityHeadersMiddleware:
    """Adds the headers that tell the browser what the page may load and do."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        await self.app(scope, receive, send_with_headers)


class SameOriginMiddleware:
    """Refuses changes that another page asks for. A program that is no browser sends no Origin, and may change."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_change = scope["type"] == "http" and scope["method"] not in _READING_METHODS
        refusal = _refusal(Headers(scope=scope)) if is_change else None
        answer = refusal or self.app
        await answer(scope, receive, send)


def _refusal(headers: Headers) -> Response | None:
    """Browsers let any page send a form, but JSON only to a server that allows it, which this one does not."""
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != headers.get("host"):
        return problem(HTTPStatus.FORBIDDEN, "Origin: only this page may ask for changes")
    if _has_body(headers) and _media_type(headers) != "application/json":
        return problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Content-Type: expected application/json")
    return None


def _has_body(headers: Headers) -> bool:
    """A program's request without one is no form: each browser says the origin of what it sends."""
    is_empty = headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers
    return not is_empty or "content-type" in headers


def _media_type(headers: Headers) -> str:
    """The Content-Type without its parameters."""
    return headers.get("content-type", "").split(";")[0].strip().lower()
