"""A place to listen at, and how uvicorn serves there."""

from __future__ import annotations

import socket
import sys

import uvicorn

from pentimento.api.connections import Connections
from pentimento.api.handshakes import Handshakes
from pentimento.core.errors import PentimentoError
from pentimento.core.settings import Limits

BACKLOG = 128
KEEP_ALIVE = 15  # s


def bind(host: str, port: int) -> socket.socket:
    """A listening place, taken at once, so that a port in use is known before anything starts."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # By its protocol's name asyncio knows that small answers need not wait (TCP_NODELAY).
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if sys.platform != "win32":
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or error
        raise PentimentoError(
            "port_in_use",
            f"The server cannot listen at {host}, port {port}: {reason}.",
            "Choose another port with --port, or 0 for any free one.",
            status=409,
        ) from error
    return listener


def uvicorn_config(
    app: object, connections: Connections, limits: Limits, *, beside: Handshakes | None = None
) -> uvicorn.Config:
    """`beside`: for a second listener in the process, with TLS; the first one's lifespan is enough
    for both."""
    http = beside.before(connections.protocol()) if beside else connections.protocol()
    return uvicorn.Config(
        app,  # type: ignore[arg-type]
        loop="asyncio",
        http=http,  # type: ignore[arg-type]
        ws="none",
        lifespan="off" if beside else "on",
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=BACKLOG,
        h11_max_incomplete_event_size=16 * 1024,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=max(1, round(limits.farewell_seconds)),
    )
