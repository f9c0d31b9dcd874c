"""Refusals, in the shape of the public API's own."""

from http import HTTPStatus

from starlette.responses import JSONResponse, Response


def problem(status: int, *problems: str) -> Response:
    """An answer with this status that says everything that is wrong."""
    return JSONResponse({"message": HTTPStatus(status).phrase, "problems": problems}, status)
