"""Request bodies: read within limits of size and time, and thrown away politely when refused."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from typing import TypeVar

from pydantic import BaseModel
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pentimento.api import jsontext
from pentimento.api.large import LargeBody, large_body
from pentimento.core.errors import BadInput, TooLarge, Unsupported
from pentimento.core.settings import MIB, Limits

M = TypeVar("M", bound=BaseModel)
Buffer = bytes | memoryview

MANY = 64  # parts of a body, each of some 64 KiB
JSON_TYPE = re.compile(r"application/json(\s*;\s*charset\s*=\s*\"?utf-8\"?)?\s*", re.IGNORECASE)


async def read_json(request: Request, model: type[M], limits: Limits) -> M:
    """The body as a `model`; bytes that are not JSON and fields that do not fit raise."""
    if not JSON_TYPE.fullmatch(request.headers.get("content-type", "")):
        raise Unsupported(
            "unsupported_media_type",
            "This call takes JSON only.",
            "Send the header Content-Type: application/json.",
        )
    return jsontext.read(model, await read_text(request, limits.json_body, limits), strict=True)


async def read_text(request: Request, limit: int, limits: Limits) -> bytes:
    """The body of what should be JSON; raises TooLarge for one of many small values, too."""
    parts, counted = [], jsontext.Parts()
    async for part in read_chunks(request, limit, limits):
        kept = bytes(part)  # the part itself is used again for the one after the next
        counted.add(kept)
        parts.append(kept)
    return await asyncio.to_thread(b"".join, parts) if len(parts) > MANY else b"".join(parts)


async def read_chunks(request: Request, limit: int, limits: Limits) -> AsyncGenerator[Buffer, None]:
    """The body in parts, each valid until the one after the next; raises TooLarge beyond `limit`
    bytes and BadInput when it dawdles. Who does not read to the end closes it."""
    announced = content_length(request)
    if announced is not None and announced > limit:
        raise too_large(limit)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + limits.body_seconds
    received = 0
    stream = request.stream()
    large: LargeBody | None = None
    try:
        while True:
            patience = min(limits.chunk_seconds, deadline + received / MIB - loop.time())
            part = await _next_part(stream, large, max(patience, 0.001))
            if part is None and large is None:
                return
            if part is None:  # h11 has the end of it
                large = None
                continue
            received += len(part)
            if received > limit:
                raise too_large(limit)
            if part:
                yield part
            if large is None and announced is not None:
                large = large_body(request.scope)
    except TimeoutError:
        raise BadInput(
            "timeout", "The body did not arrive in time.", "Send it again.", status=408
        ) from None
    finally:
        if large:
            large.end()


async def _next_part(
    stream: AsyncIterator[bytes], large: LargeBody | None, seconds: float
) -> Buffer | None:
    """None at the end. Raises TimeoutError."""
    if large:
        return await large.next(seconds)
    async with asyncio.timeout(seconds):  # `wait_for` makes a task of each
        return await anext(stream, None)


def content_length(request: Request) -> int | None:
    value = request.headers.get("content-length", "")
    return int(value) if value.isascii() and value.isdigit() else None


def too_large(limit: int) -> TooLarge:
    return TooLarge(
        "too_large",
        f"The body is larger than the {limit / MIB:.4g} MiB this call takes.",
        "Send less, or a smaller picture.",
    )


class DrainMiddleware:
    """Reads the rest of a refused body for a moment before the answer goes out.

    A connection that is closed with unread bytes is reset, and the client loses the answer that
    would have told it why.
    """

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self.app = app
        self._seconds = limits.drain_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        more = _announces_body(scope)

        async def receiving() -> Message:
            nonlocal more
            message = await receive()
            more = message["type"] == "http.request" and message.get("more_body", False)
            return message

        async def sending(message: Message) -> None:
            nonlocal more
            if message["type"] == "http.response.start" and more:
                with suppress(TimeoutError, ClientDisconnect):
                    await asyncio.wait_for(drain(), self._seconds)
                more = False
            await send(message)

        async def drain() -> None:
            while more:
                await receiving()

        await self.app(scope, receiving, sending)


def _announces_body(scope: Scope) -> bool:
    names = {name for name, value in scope["headers"] if value not in (b"", b"0")}
    expects = any(name == b"expect" for name, _ in scope["headers"])
    return bool(names & {b"content-length", b"transfer-encoding"}) and not expects
