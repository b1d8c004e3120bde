"""The one place that turns whatever goes wrong into the error body of docs/protocol.md.

Causes are logged, with their trace where they are bugs; the client gets a code and two sentences.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence

from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pentimento.api.faces.face import Face, of
from pentimento.errors import BadInput, Busy, NotFound, PentimentoError
from pentimento.jobs.space import disk_full, is_disk_full

log = logging.getLogger(__name__)

PROTOCOL, FACES = "docs/protocol.md", "docs/faces.md"
HTTP_CODES = {404: "not_found", 405: "method_not_allowed"}


def as_error(problem: Exception, page: str = PROTOCOL) -> PentimentoError:
    """The failure as the client may see it; anything unexpected is `internal` and logged. `page`
    is where its calls are explained."""
    match problem:
        case PentimentoError():
            return problem
        case ValidationError():
            return _invalid(problem, page)
        case HTTPException():
            return _http(problem, page)
        case _ if is_disk_full(problem):
            return disk_full()
    log.error("a request failed", exc_info=problem)
    return PentimentoError(
        "internal",
        "The server ran into an error of its own.",
        "Try again; if it stays, `pentimento doctor` shows where the log is.",
    )


def _invalid(problem: ValidationError, page: str) -> BadInput:
    """Never repeats the input: it may hold a prompt."""
    found = problem.errors(include_url=False, include_input=False, include_context=False)
    if found[0]["type"] == "json_invalid":
        return BadInput("bad_json", "The body is not valid JSON.", "Send one JSON object.")
    fields = [
        {
            "field": ".".join(str(part) for part in item["loc"]),
            "message": item["msg"].removeprefix("Value error, "),
        }
        for item in found
    ]
    first = fields[0]
    name = f"“{first['field']}”: " if first["field"] else ""
    return BadInput(
        "bad_request",
        f"The request does not fit: {name}{first['message']}.",
        f"{page} lists the fields and their ranges.",
        details={"fields": fields},
    )


def _http(problem: HTTPException, page: str) -> PentimentoError:
    if problem.status_code == 404:
        return NotFound("not_found", "There is no such call.", f"{page} lists them all.")
    return PentimentoError(
        HTTP_CODES.get(problem.status_code, "bad_request"),
        f"The server answers this with {problem.status_code} {problem.detail}.",
        f"{page} lists the calls and their methods.",
        status=problem.status_code,
    )


def respond(problem: Exception, face: Face | None = None) -> Response:
    if face:
        return face.respond(as_error(problem, FACES))
    error = as_error(problem)
    headers = dict(getattr(problem, "headers", None) or {})
    if isinstance(error, Busy):
        headers["Retry-After"] = str(error.retry_after)
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(error.body(), error.status, headers)


def handler(faces: Sequence[Face]) -> Callable[[Request, Exception], Awaitable[Response]]:
    """Starlette's exception handler for what its router raises."""

    async def handle(request: Request, problem: Exception) -> Response:
        return respond(problem, of(request.url.path, faces))

    return handle


class ErrorMiddleware:
    """Answers every failure that comes up to here, unless an answer has already begun."""

    def __init__(self, app: ASGIApp, faces: Sequence[Face] = ()) -> None:
        self.app = app
        self._faces = faces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, sending)
        except ClientDisconnect:
            return
        except Exception as problem:
            if started:
                raise
            await respond(problem, of(scope["path"], self._faces))(scope, receive, send)
