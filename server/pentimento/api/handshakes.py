"""TLS for connections from other machines, one handshake at a time for each: who never speaks is
sent away after a while, and many of them keep nobody out.

asyncio's own listener with TLS gives every silent connection a minute and counts none of them.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

from pentimento.core.certificate import OwnCertificate
from pentimento.core.settings import Limits


class Handshakes:
    """All that are not finished. Of more than `limits.connections` the one that began first makes
    room for a new one; each has `limits.head_seconds`."""

    def __init__(self, identity: OwnCertificate, limits: Limits) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(identity.certificate, identity.key)
        self.seconds = limits.head_seconds
        self._most = limits.connections
        self._open: dict[Greeting, None] = {}  # in the order of their arrival

    def before(self, protocol: type[Any]) -> Callable[..., asyncio.Protocol]:
        """What makes one object a connection, as `protocol` does, but for what TLS brings."""

        def greeting(*, _loop: Any = None, **options: Any) -> asyncio.Protocol:
            return Greeting(self, lambda: cast(asyncio.Protocol, protocol(**options)))

        return greeting

    def began(self, greeting: Greeting) -> None:
        if len(self._open) >= self._most:
            next(iter(self._open)).give_up()
        self._open[greeting] = None

    def ended(self, greeting: Greeting) -> None:
        self._open.pop(greeting, None)

    def give_up_all(self) -> None:
        for greeting in list(self._open):
            greeting.give_up()


class Greeting(asyncio.Protocol):
    """A connection until its handshake is done; `make` gives the protocol that takes it over. What
    arrives in between is kept for that one."""

    def __init__(self, all_open: Handshakes, make: Callable[[], asyncio.Protocol]) -> None:
        self._all, self._make = all_open, make
        self._early: list[bytes] = []
        self._task: asyncio.Task[None] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.pause_reading()  # the first bytes are for TLS
        self._all.began(self)
        self._task = asyncio.get_running_loop().create_task(self._shake_hands(self._transport))

    def data_received(self, data: bytes) -> None:
        self._early.append(data)

    def give_up(self) -> None:
        self._all.ended(self)
        if self._transport and self._task:
            self._transport.abort()
            self._task.cancel()

    async def _shake_hands(self, transport: asyncio.Transport) -> None:
        secured = None
        with suppress(OSError):  # no TLS, another certificate expected, too slow, or gone
            secured = await asyncio.get_running_loop().start_tls(
                transport,
                self,
                self._all.context,
                server_side=True,
                ssl_handshake_timeout=self._all.seconds,
            )
        self._all.ended(self)
        if secured is None or secured.is_closing():
            transport.abort()
            return
        protocol = self._make()
        secured.set_protocol(protocol)
        protocol.connection_made(secured)
        if self._early and not secured.is_closing():
            protocol.data_received(b"".join(self._early))
