"""A place to listen at."""

from __future__ import annotations

import socket
import sys

from pentimento.core.errors import PentimentoError

BACKLOG = 128


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
