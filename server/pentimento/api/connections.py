"""uvicorn's HTTP protocol with the limits it lacks: time for headers, number of connections."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from pentimento.api.large import passing_large
from pentimento.core.errors import BadInput
from pentimento.core.settings import Limits

Peer = tuple[str, int]


class Connections:
    """All open connections. Who has shown the token keeps its place; of the others the one that
    has been there longest makes room for a new one, so that nobody can lock honest clients out."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._strangers: dict[Peer | None, PatientProtocol] = {}  # in the order of their arrival
        self._known: set[Peer | None] = set()

    def protocol(self) -> type[Any]:
        """The class of which uvicorn makes one object a connection."""
        return type("LimitedProtocol", (PatientProtocol,), {"open_ones": self})

    def admit(self, peer: Peer | None) -> None:
        """The client at this address has shown the token."""
        if self._strangers.pop(peer, None):
            self._known.add(peer)

    def arrived(self, connection: PatientProtocol) -> bool:
        """Whether there is a place for it."""
        if len(self._strangers) + len(self._known) >= self.limits.connections:
            longest = next(iter(self._strangers), None)
            if longest is None:
                return False
            self._strangers.pop(longest).transport.abort()
        self._strangers[connection.client] = connection
        return True

    def left(self, connection: PatientProtocol) -> None:
        if self._strangers.get(connection.client) is connection:
            del self._strangers[connection.client]
        elif connection.client not in self._strangers:
            self._known.discard(connection.client)


class PatientProtocol(H11Protocol):
    """Made by `Connections.protocol`."""

    open_ones = Connections(Limits())

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app = passing_large(self, self.app)
        self._head_deadline: asyncio.TimerHandle | None = None
        self._has_place = self.open_ones.arrived(self)
        if not self._has_place:
            transport.abort()
            return
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_arrived()
        if self._has_place:
            self.open_ones.left(self)
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
        seconds = self.open_ones.limits.head_seconds
        self._head_deadline = self.loop.call_later(seconds, self.transport.abort)

    def _head_arrived(self) -> None:
        if self._head_deadline is not None:
            self._head_deadline.cancel()
            self._head_deadline = None
