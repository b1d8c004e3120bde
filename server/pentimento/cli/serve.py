"""`pentimento serve`: the front process."""

from __future__ import annotations


def command() -> None:
    """Start the server."""
