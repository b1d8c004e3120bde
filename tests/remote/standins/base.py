"""A stand-in for a service on the network: a real HTTP server on loopback that answers as the
service's documentation says, or with a fault. It counts what would have been billed."""

from __future__ import annotations

import base64
import io
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from email import message_from_bytes
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
from PIL import Image

Reply = tuple[int, dict[str, str], bytes]

DRIP_SECONDS = 0.05
DRIPPED = 400  # bytes; longer than any deadline in the tests
HUGE = 100 * 2**20


@dataclass
class Call:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, bytes]:
        """The fields and files of a multipart form."""
        return dict(self.parts)

    @property
    def parts(self) -> list[tuple[str, bytes]]:
        """The same in their order, where a name can be there more than once."""
        head = f"Content-Type: {self.headers['content-type']}\r\n\r\n".encode()
        parts = message_from_bytes(head + self.body).get_payload()
        return [
            (part.get_param("name", header="content-disposition"), part.get_payload(decode=True))
            for part in parts
        ]

    def pictures_in(self, *names: str) -> list[Image.Image]:
        return [opened(content) for name, content in self.parts if name in names]


@dataclass
class Asked:
    """An order as the service understands it. `mask` is white where it repaints."""

    prompt: str
    size: tuple[int, int]
    image: Image.Image | None = None
    mask: Image.Image | None = None
    control: Image.Image | None = None
    strength: float | None = None
    seed: int | None = None
    references: list[Image.Image] = field(default_factory=list)


@dataclass
class StandIn:
    """`fault` is the next answers' fault, `times` for how many of them; `accepted` counts orders
    that a real service would bill. `hiccup` is the fault of the next question about an order."""

    fault: str = ""
    times: int = 10**6
    hiccup: str = ""
    key: str = "right-key"
    accepted: int = 0
    sent: int = 0  # bytes of a huge answer
    calls: list[Call] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    dead: bool = False

    def __post_init__(self) -> None:
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:
                pass

            def _serve(self) -> None:
                if stand_in.dead:  # connections that are kept alive outlive the listening socket
                    self.close_connection = True
                    return
                length = int(self.headers.get("content-length") or 0)
                headers = {name.lower(): value for name, value in self.headers.items()}
                call = Call(self.command, self.path, headers, self.rfile.read(length))
                stand_in.calls.append(call)
                stand_in.serve(self, call)

            do_GET = do_POST = do_PUT = do_DELETE = _serve

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        serve = self.server.serve_forever  # looks every 20 ms whether it is to end
        threading.Thread(target=serve, args=(0.02,), daemon=True).start()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        self.released.set()
        self.die()

    def die(self) -> None:
        """From now on nobody answers any more."""
        self.dead = True
        self.server.shutdown()
        self.server.server_close()

    # For sub-classes

    base_path = ""

    @property
    def base_url(self) -> str:
        return self.origin + self.base_path

    def authorized(self, call: Call) -> bool:
        raise NotImplementedError

    def is_order(self, call: Call) -> bool:
        raise NotImplementedError

    def answer(self, call: Call) -> Reply:
        """The documented answer, faults aside."""
        raise NotImplementedError

    def refusal(self, status: int) -> Reply:
        return json_reply(status, {"error": {"message": f"refused {self.key}", "code": "x"}})

    def with_image(self, image: bytes) -> Reply:
        """A success with these bytes where the picture should be."""
        raise NotImplementedError

    def with_url(self, url: str) -> Reply | None:
        """A success that points to an address; None where the service has none."""
        return None

    # Inside

    def serve(self, handler: BaseHTTPRequestHandler, call: Call) -> None:
        order = self.is_order(call)
        if not self.authorized(call):
            return send(handler, self.refusal(401))
        fault = self._next_fault() if order else self._next_hiccup()
        refused = FAULTS.get(fault)
        if refused:
            return refused(self, handler)
        if order:
            self.accepted += 1
        taken = TAKEN.get(fault)
        if taken:
            return taken(self, handler, call)
        send(handler, self.answer(call))

    def _next_fault(self) -> str:
        if not self.fault or self.times <= 0:
            return ""
        self.times -= 1
        return self.fault

    def _next_hiccup(self) -> str:
        """Once, after an order."""
        hiccup = self.hiccup if self.accepted else ""
        if hiccup:
            self.hiccup = ""
        return hiccup


Handling = Callable[[StandIn, BaseHTTPRequestHandler], None]


def _status(status: int, **headers: str) -> Handling:
    def refuse(stand_in: StandIn, handler: BaseHTTPRequestHandler) -> None:
        code, told, body = stand_in.refusal(status)
        send(handler, (code, told | headers, body))

    return refuse


FAULTS: dict[str, Handling] = {  # refused without work
    **{str(status): _status(status) for status in (401, 402, 403, 404, 413, 422, 429, 500, 503)},
    "429 soon": _status(429, **{"Retry-After": "0"}),
    "429 late": _status(429, **{"Retry-After": "3600"}),
    "503 soon": _status(503, **{"Retry-After": "0"}),
}


def _cut(stand_in: StandIn, handler: BaseHTTPRequestHandler, call: Call) -> None:
    handler.close_connection = True
    handler.connection.shutdown(2)


def _half(stand_in: StandIn, handler: BaseHTTPRequestHandler, call: Call) -> None:
    """The right answer, broken off in the middle."""
    status, headers, body = stand_in.answer(call)
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body[: len(body) // 2])
    handler.close_connection = True


def _garbage(stand_in: StandIn, handler: BaseHTTPRequestHandler, call: Call) -> None:
    send(handler, (200, {"Content-Type": "application/json"}, b"\x00\xff not json {{{"))


def _broken(stand_in: StandIn, handler: BaseHTTPRequestHandler, call: Call) -> None:
    whole = picture(64, 64)
    send(handler, stand_in.with_image(whole[: len(whole) // 2]))


def _private(stand_in: StandIn, handler: BaseHTTPRequestHandler, call: Call) -> None:
    reply = stand_in.with_url("http://169.254.169.254/latest/meta-data/")
    send(handler, reply or stand_in.answer(call))


def _drip(stand_in: StandIn, handler: BaseHTTPRequestHandler, call: Call) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(DRIPPED))
    handler.end_headers()
    for _ in range(DRIPPED):
        if stand_in.released.wait(DRIP_SECONDS):
            break
        try:
            handler.wfile.write(b" ")
        except OSError:
            break
    handler.close_connection = True


def _huge(stand_in: StandIn, handler: BaseHTTPRequestHandler, call: Call) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(HUGE))
    handler.end_headers()
    try:
        for _ in range(HUGE // 2**20):
            handler.wfile.write(bytes(2**20))
            stand_in.sent += 2**20
    except OSError:
        handler.close_connection = True


def _hold(stand_in: StandIn, handler: BaseHTTPRequestHandler, call: Call) -> None:
    """Answers when the test says so."""
    stand_in.released.wait(600)
    send(handler, stand_in.answer(call))


TAKEN: dict[str, Callable[[StandIn, BaseHTTPRequestHandler, Call], None]] = {  # billed
    "cut": _cut,
    "half": _half,
    "garbage": _garbage,
    "broken image": _broken,
    "private url": _private,
    "drip": _drip,
    "huge": _huge,
    "hold": _hold,
}


def send(handler: BaseHTTPRequestHandler, reply: Reply) -> None:
    status, headers, body = reply
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    try:
        handler.wfile.write(body)
    except OSError:
        handler.close_connection = True


def opened(data: bytes) -> Image.Image:
    """A picture that was sent, decoded."""
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def from_text(text: str | None) -> Image.Image | None:
    """A picture that was sent as base64 or as a data URI."""
    return opened(base64.b64decode(text.rpartition(",")[2])) if text else None


def json_reply(status: int, body: Any) -> Reply:
    return status, {"Content-Type": "application/json"}, json.dumps(body).encode()


@cache
def picture(width: int, height: int) -> bytes:
    """A PNG that tells where each pixel lies: red grows to the right, green downwards."""
    pixels = np.full((height, width, 3), 200, np.uint8)
    pixels[..., 0] = np.rint(np.linspace(0, 255, width))
    pixels[..., 1] = np.rint(np.linspace(0, 255, height))[:, None]
    target = io.BytesIO()
    Image.fromarray(pixels).save(target, "PNG")
    return target.getvalue()
