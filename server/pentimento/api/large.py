"""Large pictures past h11, which copies every byte three times: bodies come straight from the
socket into a few blocks that are used again and again, files go straight to it (sendfile).

- `passing_large(connection)`: the ASGI app of a connection with both at hand
- `large_body(scope)`: what reads the rest of a body in blocks; None where there is no such thing

All that HTTP is stays h11's: heads, small bodies, chunked ones, errors.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, BinaryIO

import h11
from starlette.types import ASGIApp, Message, Receive, Scope, Send

if TYPE_CHECKING:
    from uvicorn.protocols.http.h11_impl import H11Protocol

BODY = "pentimento.body"  # among the scope's extensions
SENT_AS_FILE = "http.response.pathsend"  # the ASGI extension of that name
BLOCK = 2**20  # bytes
BLOCKS = 4  # one is written, one is handed over, one is ready, one is filled


def passing_large(connection: H11Protocol, app: ASGIApp) -> ASGIApp:
    async def passing(scope: Scope, receive: Receive, send: Send) -> None:
        extensions = scope.setdefault("extensions", {})
        extensions[BODY] = lambda: LargeBody.begin(connection)
        extensions[SENT_AS_FILE] = {}

        async def sending(message: Message) -> None:
            if message["type"] == SENT_AS_FILE:
                if not await _send_file(connection, message["path"]):
                    await _broken_off(connection)
                    return
                message = {"type": "http.response.body", "body": b"", "more_body": False}
            await send(message)

        await app(scope, receive, sending)

    return passing


def large_body(scope: Scope) -> LargeBody | None:
    """From here on this reads the body; what came before has to be received already."""
    begin: Callable[[], LargeBody | None] | None = scope.get("extensions", {}).get(BODY)
    return begin() if begin else None


class _Length:
    """Stands for so many bytes that h11 counts but does not see."""

    def __init__(self, size: int) -> None:
        self._size = size

    def __len__(self) -> int:
        return self._size


async def _send_file(connection: H11Protocol, path: str) -> bool:
    """All of a file as the body of an answer whose head is sent. False where not all could go."""
    transport = connection.transport
    if connection.flow.write_paused:
        await connection.flow.drain()
    file: BinaryIO = await asyncio.to_thread(open, path, "rb")
    with file:
        if transport.is_closing():
            return False
        size = os.fstat(file.fileno()).st_size
        connection.conn.send_with_data_passthrough(h11.Data(data=_Length(size)))  # type: ignore[arg-type]
        try:
            sent = await connection.loop.sendfile(transport, file, 0, size) if size else 0
        except (ConnectionError, RuntimeError):  # closed by the other side, or by us meanwhile
            return False
        return bool(sent == size)


async def _broken_off(connection: H11Protocol) -> None:
    """Nothing more of this answer can be right; uvicorn hears of it as of any client's leaving."""
    connection.transport.abort()
    while not connection.cycle.disconnected:  # told by a callback that is on its way
        await asyncio.sleep(0)


class LargeBody(asyncio.BufferedProtocol):
    """Reads what is left of a body of announced length, while it is the transport's protocol."""

    def __init__(self, connection: H11Protocol, reader: Any) -> None:
        self._connection, self._reader = connection, reader
        self._left = int(reader._remaining)
        self._blocks = [bytearray(min(BLOCK, self._left)) for _ in range(BLOCKS)]
        self._number, self._filled = 0, 0  # of the block that is being filled, and bytes in it
        self._ready: deque[memoryview] = deque()
        self._news = asyncio.Event()
        self._ended = False

    @classmethod
    def begin(cls, connection: H11Protocol) -> LargeBody | None:
        """None where h11 has no plain count of bytes to come, or has some of them already."""
        conn = connection.conn
        reader = getattr(conn, "_reader", None)
        left = getattr(reader, "_remaining", None)
        if conn.their_state is not h11.SEND_BODY or type(reader).__name__ != "ContentLengthReader":
            return None
        if not isinstance(left, int) or left < BLOCK or conn.trailing_data[0]:
            return None
        if connection.transport.is_closing() or connection.cycle.body:
            return None
        body = cls(connection, reader)
        connection.transport.set_protocol(body)
        connection.flow.resume_reading()
        return body

    async def next(self, seconds: float) -> memoryview | None:
        """The next block, valid until the one after the next is asked for; None after the last.
        Raises TimeoutError when nothing at all came within these seconds."""
        while not self._ready:
            if self._ended:
                return None
            before = self._left
            try:
                async with asyncio.timeout(seconds):
                    await self._news.wait()
            except TimeoutError:
                if self._left == before:
                    raise
                self._cut()
            self._news.clear()
        block = self._ready.popleft()
        if not self._ended:
            self._connection.flow.resume_reading()
        return block

    def end(self) -> None:
        """h11 reads on from here, be it the end of the body or the rest of it."""
        if self._ended:
            return
        self._ended = True
        self._reader._remaining = self._left
        if not self._connection.transport.is_closing():
            self._connection.transport.set_protocol(self._connection)
            self._connection.handle_events()
        self._news.set()

    def _cut(self) -> None:
        """Hands over what the block has, and begins with the next one."""
        if self._filled:
            self._ready.append(memoryview(self._blocks[self._number])[: self._filled])
            self._number, self._filled = (self._number + 1) % BLOCKS, 0
        self._news.set()

    # What the transport calls

    def get_buffer(self, sizehint: int) -> memoryview:
        block = self._blocks[self._number]
        return memoryview(block)[self._filled : min(len(block), self._filled + self._left)]

    def buffer_updated(self, nbytes: int) -> None:
        self._filled += nbytes
        self._left -= nbytes
        if self._left == 0 or self._filled == len(self._blocks[self._number]):
            self._cut()
        if self._left == 0:
            self.end()
        elif len(self._ready) > 1:  # every block is in use
            self._connection.flow.pause_reading()

    def eof_received(self) -> None:
        self.end()
        self._connection.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended = True
        self._connection.connection_lost(exc)
        self._news.set()

    def pause_writing(self) -> None:
        self._connection.pause_writing()

    def resume_writing(self) -> None:
        self._connection.resume_writing()
