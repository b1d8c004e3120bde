"""The server's side of a websocket (RFC 6455), as far as a stand-in needs it: it accepts, says
JSON, and notices the end."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.remote.standins.base import Call

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3
TEXT, LAST = 0x1, 0x80


class Peer:
    def __init__(self, handler: BaseHTTPRequestHandler) -> None:
        self._handler = handler
        self._lock = threading.Lock()

    def say(self, message: Any) -> None:
        self.send(json.dumps(message).encode())

    def send(self, data: bytes, kind: int = TEXT) -> None:
        """One frame, which a server does not mask."""
        size = len(data)
        length = bytes([size]) if size < 126 else bytes([126]) + size.to_bytes(2, "big")
        with self._lock:
            self._handler.wfile.write(bytes([LAST | kind]) + length + data)

    def wait_for_end(self) -> None:
        """Until the client closes: what it says besides is of no interest."""
        try:
            while self._handler.rfile.read1(4096):
                break
        except OSError:
            pass
        self._handler.close_connection = True


def accept(handler: BaseHTTPRequestHandler, call: Call) -> Peer:
    key = call.headers["sec-websocket-key"] + GUID
    handler.send_response(101)
    handler.send_header("Upgrade", "websocket")
    handler.send_header("Connection", "Upgrade")
    accepted = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
    handler.send_header("Sec-WebSocket-Accept", accepted)
    handler.end_headers()
    return Peer(handler)
