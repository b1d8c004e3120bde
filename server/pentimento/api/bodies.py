"""Request bodies: read within limits of size and time, and thrown away politely when refused."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import TypeVar

from pydantic import BaseModel
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pentimento.api.settings import MIB, Limits
from pentimento.errors import BadInput, TooLarge, Unsupported

M = TypeVar("M", bound=BaseModel)

JSON_TYPE = re.compile(r"application/json(\s*;\s*charset\s*=\s*\"?utf-8\"?)?\s*", re.IGNORECASE)


async def read_json(request: Request, model: type[M], limits: Limits) -> M:
    """The body as a `model`; bytes that are not JSON and fields that do not fit raise."""
    if not JSON_TYPE.fullmatch(request.headers.get("content-type", "")):
        raise Unsupported(
            "unsupported_media_type",
            "This call takes JSON only.",
            "Send the header Content-Type: application/json.",
        )
    parts = [part async for part in read_chunks(request, limits.json_body, limits)]
    return model.model_validate_json(b"".join(parts), strict=True)


async def read_chunks(request: Request, limit: int, limits: Limits) -> AsyncIterator[bytes]:
    """The body in parts; raises TooLarge beyond `limit` bytes and BadInput when it dawdles."""
    announced = content_length(request)
    if announced is not None and announced > limit:
        raise too_large(limit)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + limits.body_seconds
    received = 0
    stream = request.stream()
    while True:
        patience = min(limits.chunk_seconds, deadline + received / MIB - loop.time())
        try:
            part = await asyncio.wait_for(anext(stream), max(patience, 0.001))
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise BadInput(
                "timeout", "The body did not arrive in time.", "Send it again.", status=408
            ) from None
        received += len(part)
        if received > limit:
            raise too_large(limit)
        if part:
            yield part


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
