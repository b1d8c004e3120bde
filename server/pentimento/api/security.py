"""Who may talk to the server. Everything is refused unless it is shown to be allowed.

Checked before routing, for every path, known or not: the Host header (DNS rebinding), the Origin
(web pages), the token, and the content types that a web form can send (cross-site posts).
"""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
from collections.abc import Iterable, Sequence

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pentimento.api.faces.face import Face, of
from pentimento.errors import NotAllowed, Unsupported

OPEN = "/v1/health"
LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")
FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data", "text/plain")
FOREIGN_SITES = ("cross-site", "same-site")
HEADERS = {"x-content-type-options": "nosniff", "cache-control": "no-store"}


class SecurityMiddleware:
    """`authorities` are the accepted Host values; they include the port."""

    def __init__(
        self,
        app: ASGIApp,
        token: str,
        authorities: Iterable[str],
        faces: Sequence[Face] = (),
    ) -> None:
        self.app = app
        self._faces = faces
        self._token = token.encode()
        self._hosts = frozenset(authority.lower() for authority in authorities)
        self._origins = frozenset(f"http://{host}" for host in self._hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        self._check_host(headers)
        self._check_origin(headers)
        if not (scope["path"] == OPEN and scope["method"] in ("GET", "HEAD")):
            face = of(scope["path"], self._faces)
            self._check_token(headers, basic=bool(face and face.basic))
            if not (face and scope["path"] in face.forms):
                _check_content_type(scope["method"], headers)
        await self.app(scope, receive, send)

    def _check_host(self, headers: Headers) -> None:
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            raise NotAllowed(
                "foreign_host",
                "The request was made to a name that is not this server's.",
                "Use the address in server.json, with 127.0.0.1 or localhost.",
                status=403,
            )

    def _check_origin(self, headers: Headers) -> None:
        origins = headers.getlist("origin")
        own = all(origin.lower() in self._origins for origin in origins)
        if not own or headers.get("sec-fetch-site", "").lower() in FOREIGN_SITES:
            raise NotAllowed(
                "foreign_origin",
                "Web pages may not use this server.",
                "Use GIMP or the pentimento command.",
                status=403,
            )

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


def authorities(host: str, port: int) -> list[str]:
    """The Host values that mean this server, when it listens at `host`."""
    names = [*LOOPBACK_NAMES]
    name = f"[{host}]" if ":" in host else host
    if name not in names and not _is_wildcard(host):
        names.append(name)
    plain = names if port == 80 else []
    return [*plain, *(f"{name}:{port}" for name in names)]


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
