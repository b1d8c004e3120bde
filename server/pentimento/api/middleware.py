"""Who may talk to the server, and the error body for whatever goes wrong.

Everything is refused unless it is shown to be allowed. Checked before routing, for every path,
known or not: the Host header (DNS rebinding), the Origin (web pages), the token, and the content
types that a web form can send (cross-site posts).

Errors get the body of docs/protocol.md here and nowhere else. Causes are logged, with their trace
where they are bugs; the client gets a code and two sentences.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from pydantic import ValidationError
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pentimento.api.compat.face import Face, of
from pentimento.api.jsontext import JSONAnswer, bad_json
from pentimento.core.errors import (
    BadInput,
    Busy,
    NotAllowed,
    NotFound,
    PentimentoError,
    Unsupported,
    field_errors,
)
from pentimento.core.files import disk_full, is_disk_full

OPEN = frozenset((("GET", "/v1/health"), ("HEAD", "/v1/health"), ("POST", "/v1/pair")))
LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")
FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data", "text/plain")
FOREIGN_SITES = ("cross-site", "same-site")
HEADERS = {"x-content-type-options": "nosniff", "cache-control": "no-store"}


class SecurityMiddleware:
    """`is_own` tells of a Host value, which includes the port, whether it means this server.
    `admitted` hears the address of a client that has shown the token."""

    def __init__(
        self,
        app: ASGIApp,
        token: str,
        is_own: Callable[[str], bool],
        faces: Sequence[Face] = (),
        admitted: Callable[[Any], None] = lambda peer: None,
    ) -> None:
        self.app = app
        self._faces = faces
        self._token = token.encode()
        self._admitted = admitted
        self._is_own = is_own

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        self._check_host(headers)
        self._check_origin(headers)
        if (scope["method"], scope["path"]) not in OPEN:
            face = of(scope["path"], self._faces)
            self._check_token(headers, basic=bool(face and face.basic))
            self._admitted(scope.get("client"))
            if not (face and scope["path"] in face.forms):
                _check_content_type(scope["method"], headers)
        await self.app(scope, receive, send)

    def _check_host(self, headers: Headers) -> None:
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._is_own(hosts[0].lower()):
            raise NotAllowed(
                "foreign_host",
                "The request was made to a name that is not this server's.",
                "Use the address in server.json, with 127.0.0.1 or localhost.",
                status=403,
            )

    def _check_origin(self, headers: Headers) -> None:
        origins = headers.getlist("origin")
        own = all(self._is_own_origin(origin.lower()) for origin in origins)
        if not own or headers.get("sec-fetch-site", "").lower() in FOREIGN_SITES:
            raise NotAllowed(
                "foreign_origin",
                "Web pages may not use this server.",
                "Use GIMP or the pentimento command.",
                status=403,
            )

    def _is_own_origin(self, origin: str) -> bool:
        scheme, _, authority = origin.partition("://")
        return scheme == "http" and self._is_own(authority)

    def _check_token(self, headers: Headers, *, basic: bool) -> None:
        given = headers.getlist("authorization")
        scheme, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
        sent = token.strip().encode("utf-8", "replace")
        known = scheme.lower() == "bearer"
        if basic and scheme.lower() == "basic":
            known, sent = True, _password(sent)
        if not (known and hmac.compare_digest(sent, self._token)):
            raise NotAllowed(
                "unauthorized",
                "The token is missing or wrong.",
                "It stands in server.json and token in the server's data folder.",
            )


def _password(credentials: bytes) -> bytes:
    """Of HTTP Basic (RFC 7617), whatever the user's name is; empty where there is none."""
    try:
        return base64.b64decode(credentials, validate=True).partition(b":")[2]
    except (binascii.Error, ValueError):
        return b""


def _check_content_type(method: str, headers: Headers) -> None:
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if method not in ("GET", "HEAD") and kind in FORM_TYPES:
        raise Unsupported(
            "unsupported_media_type",
            f"The server does not take {kind}.",
            "Send application/json, or a picture to /v1/blobs.",
        )


def authorities(host: str, port: int) -> frozenset[str]:
    """The Host values that mean this server, when it listens at `host`; lower case."""
    names = [*LOOPBACK_NAMES]
    name = f"[{host}]" if ":" in host else host
    if name not in names and not _is_wildcard(host):
        names.append(name)
    plain = names if port == 80 else []
    return frozenset(name.lower() for name in (*plain, *(f"{name}:{port}" for name in names)))


def _is_wildcard(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


class HeaderMiddleware:
    """Puts the protective headers on every answer, errors included."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self.app(scope, receive, sending)


log = logging.getLogger(__name__)

PROTOCOL, FACES = "docs/protocol.md", "docs/faces.md"
MOST_FIELDS = 32  # that an answer complains of
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
        return bad_json()
    fields = [
        (".".join(str(part) for part in item["loc"]), item["msg"].removeprefix("Value error, "))
        for item in found[:MOST_FIELDS]
    ]
    field, message = fields[0]
    name = f"“{field}”: " if field else ""
    return BadInput(
        "bad_request",
        f"The request does not fit: {name}{message}.",
        f"{page} lists the fields and their ranges.",
        details=field_errors(fields),
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
    return JSONAnswer(error.body(), error.status, headers)


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
