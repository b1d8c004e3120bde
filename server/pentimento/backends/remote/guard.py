"""HTTP connections that lead to public addresses only, for addresses that a service has told.

The address is looked at when the connection stands and before a byte is written, so neither a name
that resolves differently the second time nor an odd spelling of an address helps. Only https;
proxies of the environment are not used, for behind one the address could not be seen.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import PoolManager
from urllib3.connection import HTTPSConnection
from urllib3.connectionpool import HTTPSConnectionPool


class NotPublic(Exception):
    """The address is in this machine, in a private network, or reserved."""


class PublicConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        connection: socket.socket = super()._new_conn()
        peer = connection.getpeername()[0]
        if not is_public(peer):
            connection.close()
            raise NotPublic
        return connection


class PublicPool(HTTPSConnectionPool):
    ConnectionCls = PublicConnection


class PublicOnly(HTTPAdapter):
    """For `requests.Session.mount`."""

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        manager: PoolManager = self.poolmanager
        manager.pool_classes_by_scheme = {"https": PublicPool}


def is_public(address: str) -> bool:
    """Of an IP address as text; addresses that carry another one in them count as that one."""
    found: Any = ipaddress.ip_address(address.partition("%")[0])
    inner = getattr(found, "ipv4_mapped", None) or getattr(found, "sixtofour", None)
    if inner is None and getattr(found, "teredo", None):
        inner = found.teredo[1]
    return bool(found.is_global and not found.is_multicast and (inner is None or inner.is_global))


def public_session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.adapters.clear()
    session.mount("https://", PublicOnly())
    return session
