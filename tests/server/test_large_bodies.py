"""Large pictures on their way past h11: whole, in any pieces, and without the connection losing its
place, whatever the other side does."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import socket
from collections.abc import Callable
from typing import Any

import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse
from tests.server.front import Front, until

from pentimento.api.bodies import read_chunks
from pentimento.api.connections import Connections
from pentimento.core.settings import Limits

MIB = 2**20
SIDE = 1100  # px: 4.6 MiB, no whole number of blocks
RAW = {"Accept": "application/x-pixels"}


def picture(seed: int, side: int = SIDE) -> bytes:
    return hashlib.shake_128(f"größe {seed}".encode()).digest(side * side * 4)


def name_of(pixels: bytes, side: int = SIDE) -> str:
    return hashlib.sha256(f"rgba-u8;{side};{side};".encode() + pixels).hexdigest()


def head(front: Front, method: str, path: str, *more: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{front.port}"]
    lines += [f"Authorization: Bearer {front.token}", *more]
    return "\r\n".join([*lines, "", ""]).encode()


def put_head(front: Front, size: int, *more: str, side: int = SIDE) -> bytes:
    kind = f"Content-Type: application/x-pixels; format=rgba-u8; width={side}; height={side}"
    return head(front, "PUT", "/v1/blobs", kind, f"Content-Length: {size}", *more)


class Wire:
    """A bare connection that reads one answer at a time."""

    def __init__(self, front: Front, seconds: float = 20) -> None:
        self.socket = socket.create_connection(("127.0.0.1", front.port), timeout=seconds)
        self._file = self.socket.makefile("rb")

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def answer(self) -> tuple[int, bytes]:
        status = int(self._file.readline().split()[1])
        length = 0
        while line := self._file.readline().strip():
            name, _, value = line.partition(b": ")
            length = int(value) if name.lower() == b"content-length" else length
        return status, self._file.read(length)

    def close(self) -> None:
        self._file.close()
        self.socket.close()


def test_requests_in_one_piece_with_a_large_body_are_all_answered(front: Front) -> None:
    """What follows the body in the same bytes is the next request's, not the picture's."""
    first, second = picture(1), picture(2)
    wire = Wire(front)
    wire.send(
        put_head(front, len(first))
        + first
        + put_head(front, len(second))
        + second
        + head(front, "GET", "/v1/health")
    )
    found = [wire.answer() for _ in range(3)]
    assert [json.loads(body).get("id") for _, body in found] == [
        name_of(first),
        name_of(second),
        None,
    ]
    assert [status for status, _ in found][2] == 200
    wire.close()


@pytest.mark.parametrize("piece", [777, 65_537, MIB, 3 * MIB + 5])
def test_a_body_in_pieces_of_any_size(front: Front, piece: int) -> None:
    pixels = picture(piece)
    pieces = [pixels[at : at + piece] for at in range(0, len(pixels), piece)]
    wire = Wire(front)
    wire.send(put_head(front, len(pixels)))
    for part in pieces:
        wire.send(part)
    assert json.loads(wire.answer()[1])["id"] == name_of(pixels)
    wire.close()


def test_a_client_that_waits_for_leave_gets_it(front: Front) -> None:
    pixels = picture(3)
    wire = Wire(front)
    wire.send(put_head(front, len(pixels), "Expect: 100-continue"))
    assert wire.answer()[0] == 100
    wire.send(pixels)
    assert json.loads(wire.answer()[1])["id"] == name_of(pixels)
    wire.close()


def test_a_slow_body_is_taken_and_a_stopped_one_is_not(launch: Callable[..., Front]) -> None:
    """As long as something comes, blocks need not be full in time."""
    front = launch(chunk_seconds=2, body_seconds=120)
    pixels = picture(4)
    wire = Wire(front)
    wire.send(put_head(front, len(pixels)) + pixels[: 2 * MIB + 17])
    left = pixels[2 * MIB + 17 :]
    for at in range(0, len(left), len(left) // 8 + 1):  # 3.2 s, longer than it may stand still
        wire.socket.settimeout(0.4)
        with pytest.raises(TimeoutError):
            wire.socket.recv(1)
        wire.socket.settimeout(20)
        wire.send(left[at : at + len(left) // 8 + 1])
    assert json.loads(wire.answer()[1])["id"] == name_of(pixels)
    wire.send(put_head(front, len(pixels)) + pixels[: 2 * MIB])
    status, body = wire.answer()
    assert (status, json.loads(body)["error"]["code"]) == (408, "timeout")
    wire.close()


def test_a_client_that_leaves_in_the_middle_leaves_nothing(launch: Callable[..., Front]) -> None:
    front = launch()
    pixels = picture(5)
    for stop in (1, MIB, 2 * MIB + 3, len(pixels) - 1):
        wire = Wire(front)
        wire.send(put_head(front, len(pixels)) + pixels[:stop])
        wire.close()
    until(lambda: not list((front.data / "blobs").glob("*.part")))
    assert front.blob(pixels, SIDE, SIDE) == {"blob": name_of(pixels)}
    assert os.listdir(front.data / "blobs") == [name_of(pixels)]


def test_a_refused_body_gets_its_answer_and_the_connection_goes_on(front: Front) -> None:
    """The rest of a body that is not wanted any more goes through h11 again."""
    pixels = picture(6)
    wire = Wire(front)
    wire.send(put_head(front, len(pixels) + 4) + pixels + b"more")
    status, body = wire.answer()
    assert (status, json.loads(body)["error"]["code"]) == (400, "size_mismatch")
    wire.send(head(front, "GET", "/v1/health"))
    assert wire.answer()[0] == 200
    wire.close()


def test_results_are_sent_whole_and_in_part_on_one_connection(front: Front) -> None:
    pixels = picture(7)
    blob = front.blob(pixels, SIDE, SIDE)
    job = {"mode": "img2img", "source": blob, "strength": 0, "prompt": ""}
    done = front.finished(front.start(job))
    url = done["images"][0]["url"]
    whole = front.call("GET", url, headers=RAW).body
    assert len(whole) >= MIB
    wire = Wire(front)
    accept = "Accept: application/x-pixels"
    for _ in range(2):
        wire.send(head(front, "GET", url, accept))
        assert wire.answer() == (200, whole)
    wire.send(head(front, "GET", url, accept, "Range: bytes=1000000-1000999"))
    assert wire.answer() == (206, whole[1_000_000:1_001_000])
    wire.send(head(front, "GET", "/v1/health"))
    assert wire.answer()[0] == 200
    wire.close()


def test_a_reader_that_leaves_costs_no_trace_in_the_log(launch: Callable[..., Front]) -> None:
    front = launch()
    blob = front.blob(picture(8, 3000), 3000, 3000)
    job = {"mode": "img2img", "source": blob, "strength": 0, "prompt": ""}
    url = front.finished(front.start(job))["images"][0]["url"]
    for _ in range(4):
        wire = Wire(front)
        wire.send(head(front, "GET", url, "Accept: application/x-pixels"))
        wire.socket.recv(10)
        wire.close()
    assert front.call("GET", url, headers=RAW).status == 200
    log = "".join(path.read_text() for path in (front.data / "logs").glob("*.log"))
    assert "Traceback" not in log


def test_blocks_come_from_the_socket_itself() -> None:
    """h11 gives no part larger than asyncio reads at a time, which is 256 KiB."""
    limits, parts = Limits(), []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        async for part in read_chunks(Request(scope, receive), 10 * MIB, limits):
            parts.append(len(part))
        await JSONResponse(sum(parts))(scope, receive, send)

    async def exchange() -> bytes:
        config = uvicorn.Config(app, loop="asyncio", lifespan="off", log_config=None)
        config.load()
        state = uvicorn.server.ServerState()
        kind = Connections(limits).protocol()
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: kind(config, state, {}), "127.0.0.1", 0)
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            size = 5 * MIB + 3
            writer.write(f"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n".encode())
            writer.write(bytes(size))
            answer = await reader.readuntil(b"\r\n\r\n") + await reader.readexactly(len(str(size)))
            writer.close()
            return answer

    answer = asyncio.run(exchange())
    assert answer.endswith(str(5 * MIB + 3).encode())
    assert max(parts) == MIB
