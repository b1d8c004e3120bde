"""HTTP connections that lead to public addresses only.

For an address that a service named, the connection is checked when it stands and before a byte is
written, so neither a name that resolves differently the second time nor an odd spelling helps. Only
https. Behind a proxy of the environment, which alone may have a way out, the address cannot be
seen: there the name is looked at, and the proxy decides where it leads.

This file loads `requests`, a third of what the front would load to start; whoever needs it imports
it where it is used.
"""

from __future__ import annotations

import socket
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import PoolManager
from urllib3.connection import HTTPSConnection
from urllib3.connectionpool import HTTPSConnectionPool

from pentimento.core.net import is_local, is_public


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


class PublicNames(HTTPAdapter):
    """For a session behind a proxy."""

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> Any:
        host = urlsplit(str(request.url)).hostname or ""
        if not is_public_name(host):
            raise NotPublic
        return super().send(request, *args, **options)


def is_public_name(host: str) -> bool:
    """Whether a host is named as one of the internet: with a dot, not as one of this machine or of
    the local network, and not by digits alone, but for a public address in its plain spelling."""
    try:
        return is_public(host)
    except ValueError:
        pass
    name = host.rstrip(".")
    _, dot, last = name.rpartition(".")
    named = last.isalpha() or last.startswith("xn--")
    return bool(dot) and named and not is_local(name)


def public_session(url: str = "") -> requests.Session:
    """For an address that a service named, through the proxy that the environment has for it."""
    session = requests.Session()
    session.trust_env = False
    session.adapters.clear()
    proxies = requests.utils.get_environ_proxies(url) if url else {}
    if requests.utils.select_proxy(url, proxies):
        session.proxies.update(proxies)
        session.mount("https://", PublicNames())
    else:
        session.mount("https://", PublicOnly())
    return session
