"""How far an order at ComfyUI is, as it says over a websocket. Where that cannot be had, as behind
some proxies, nothing is heard, and the questions about the order tell what there is."""

from __future__ import annotations

import json
import logging
import socket
import threading
from typing import Any
from urllib.parse import urlencode, urlsplit

from pentimento.services.session import ServiceSession

CONNECT_SECONDS = 5.0
MOST_BYTES = 16 * 2**20  # of a message; previews of pictures come this way as well

log = logging.getLogger(__name__)
SILENT = logging.Logger("websocket")  # the library would write the headers down, with the key
SILENT.disabled = True


class Listener:
    """Hears what ComfyUI tells the client `client_id`, from before its order on. A message counts
    for the order `number` only, which is known once the order is taken: ComfyUI tells every client
    that has the same id, and of orders that are not ours nothing may be shown."""

    def __init__(self, client_id: str, line: ServiceSession) -> None:
        self.number = ""
        self.heard = False  # it tells steps: what is polled need not say that it paints
        self._line = line
        self._closed = threading.Event()
        self._answered = threading.Event()  # it is connected, or cannot be
        self._socket: Any = None
        address = _address(line.address.base_url, client_id)
        threading.Thread(target=self._listen, args=(address,), daemon=True).start()
        self._answered.wait(CONNECT_SECONDS)

    def close(self) -> None:
        self._closed.set()
        if self._socket:
            self._socket.close()

    def _listen(self, address: str) -> None:
        from websockets.exceptions import WebSocketException

        try:
            with _connected(address, self._line) as self._socket:
                self._answered.set()
                for message in self._socket:
                    if self._closed.is_set():
                        return
                    if isinstance(message, str):
                        self._hear(message)
        except (WebSocketException, OSError, ValueError) as error:
            log.debug("comfyui: nothing more is heard (%s)", type(error).__name__)
        finally:
            self._answered.set()

    def _hear(self, message: str) -> None:
        share = share_done(message, self.number)
        if share is not None and not self._closed.is_set():
            self.heard = True
            self._line.say(f"{self._line.address.title} is painting", share)


def share_done(message: str, number: str) -> float | None:
    """0..1 of the steps of the order `number`; None for messages about anything else. Bears any
    text."""
    try:
        told = json.loads(message)
        data = told["data"]
        if told["type"] != "progress" or not number or data["prompt_id"] != number:
            return None
        return min(max(float(data["value"]) / float(data["max"]), 0.0), 1.0)
    except (ValueError, KeyError, TypeError, ZeroDivisionError, RecursionError, OverflowError):
        return None


def _address(base_url: str, client_id: str) -> str:
    parts = urlsplit(base_url)
    scheme = "wss" if parts.scheme == "https" else "ws"
    query = urlencode({"clientId": client_id})
    return parts._replace(scheme=scheme, path=f"{parts.path.rstrip('/')}/ws", query=query).geturl()


def _connected(address: str, line: ServiceSession) -> Any:
    """Over a connection of ours, for then no redirect is followed, which could take the key along.
    Raises OSError, ValueError or WebSocketException where the server has no such thing."""
    from websockets.sync.client import connect

    parts = urlsplit(address)
    port = parts.port or (443 if parts.scheme == "wss" else 80)
    return connect(
        address,
        sock=socket.create_connection((str(parts.hostname), port), CONNECT_SECONDS),
        additional_headers=line.address.headers,
        open_timeout=CONNECT_SECONDS,
        close_timeout=1,
        max_size=MOST_BYTES,
        proxy=None,
        logger=SILENT,
    )
