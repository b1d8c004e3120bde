"""What the dialog of a generating action works with; the contract stands in dialogs/context.py."""

from __future__ import annotations

import importlib
from typing import Any, Dict, List, Mapping, Optional
from urllib.parse import urlsplit

import server
from client import Client
from context import Context
from i18n import _

LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Asking:
    """`plan` and `models` may be called from any thread."""

    def __init__(self, context: Context) -> None:
        self.action = context.action
        self.where = _where()
        self._context = context
        self._module = importlib.import_module("actions." + context.action.key)
        self._client: Optional[Client] = None

    def plan_request(self, values: Mapping[str, Any]) -> Dict[str, Any]:
        return self._module.plan_request(self._context, values)

    def plan(self, request: Dict[str, Any]) -> Dict[str, Any]:
        return self._connected().plan(request)

    def models(self) -> List[Dict[str, Any]]:
        return self._connected().models()

    def _connected(self) -> Client:
        if self._client is None:
            self._client = server.ready()
        return self._client


def _where() -> str:
    place = server.address()
    host = urlsplit(place.url).hostname if place else None
    if host is None or host in LOOPBACK:
        return _("the server on this computer")
    return host
