"""uvicorn's HTTP protocol with the limits it lacks: time for headers, number of connections."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from pentimento.api.settings import Limits
from pentimento.errors import BadInput


class PatientProtocol(H11Protocol):
    """Set `limits` on a subclass (`with_limits`); uvicorn makes one object a connection."""

    limits = Limits()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._head_deadline: asyncio.TimerHandle | None = None
        if len(self.connections) > self.limits.connections:
            transport.abort()
            return
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_arrived()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._head_arrived()
        elif self._head_deadline is None:
            self._await_head()

    def send_400_response(self, msg: str) -> None:
        """As uvicorn's, with the error body of the protocol."""
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.close()
            return
        error = BadInput("bad_request", "This is not a valid HTTP request.", "Use HTTP/1.1.")
        body = json.dumps(error.body()).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        response = h11.Response(status_code=400, headers=headers, reason=b"Bad Request")
        for event in (response, h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event))
        self.transport.close()

    def _await_head(self) -> None:
        self._head_deadline = self.loop.call_later(self.limits.head_seconds, self.transport.abort)

    def _head_arrived(self) -> None:
        if self._head_deadline is not None:
            self._head_deadline.cancel()
            self._head_deadline = None


def with_limits(limits: Limits) -> type[Any]:
    return type("LimitedProtocol", (PatientProtocol,), {"limits": limits})
