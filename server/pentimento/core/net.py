"""Addresses of servers as text, and whose they are."""

from __future__ import annotations

import ipaddress
from typing import Any
from urllib.parse import urlsplit

NAMES_HERE = ("localhost",)
NAMES_NEAR = (".local", ".lan", ".home.arpa")


def origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port; all empty for an address that cannot be read."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return ("", "", None)
    return (parts.scheme, (parts.hostname or "").lower(), port)


def is_local(host: str) -> bool:
    """Whether a host is named as part of this machine or of the local network."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host in NAMES_HERE or host.endswith(NAMES_NEAR)
    return address.is_loopback or address.is_private or address.is_link_local


def is_public(address: str) -> bool:
    """Of an IP address as text; addresses that carry another one in them count as that one."""
    found: Any = ipaddress.ip_address(address.partition("%")[0])
    inner = getattr(found, "ipv4_mapped", None) or getattr(found, "sixtofour", None)
    if inner is None and getattr(found, "teredo", None):
        inner = found.teredo[1]
    return bool(found.is_global and not found.is_multicast and (inner is None or inner.is_global))
