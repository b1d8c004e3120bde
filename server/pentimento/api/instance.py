"""One server a data folder: its lock, its token, and server.json that tells others where it is."""

from __future__ import annotations

import json
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from pentimento import __version__
from pentimento.errors import PentimentoError, Unavailable
from pentimento.locks import try_lock
from pentimento.paths import write_private

TOKEN_BYTES = 32
LEAST_TOKEN = 32  # characters; a shorter file is replaced


class Instance:
    """Holds the data folder from `open` until `close`, or until the process ends in any way."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._server_file = data_dir / "server.json"
        self._lock: BinaryIO | None = None
        self.token = ""

    def open(self) -> None:
        """Raises when another server has this folder, or when it cannot be used."""
        try:
            self._data_dir.mkdir(parents=True, exist_ok=True)
            self._data_dir.chmod(0o700)
            self._lock = (self._data_dir / "server.lock").open("ab")
            locked = try_lock(self._lock)
            self.token = _token(self._data_dir / "token") if locked else ""
        except OSError as error:
            raise PentimentoError(
                "data_dir",
                f"The data folder {self._data_dir} cannot be used: {error.strerror}.",
                "Choose another one with --data-dir or PENTIMENTO_DATA.",
            ) from error
        if not locked:
            raise self._running_already()
        self._server_file.unlink(missing_ok=True)

    def announce(self, url: str) -> None:
        """Writes server.json; from now on others can find the server."""
        data = {"url": url, "token": self.token, "pid": os.getpid(), "version": __version__}
        write_private(self._server_file, json.dumps(data).encode())

    def withdraw(self) -> None:
        """Takes server.json away, if it is this server's own."""
        if read_server_file(self._data_dir).get("pid") == os.getpid():
            self._server_file.unlink(missing_ok=True)

    def close(self) -> None:
        if self._lock:
            self._lock.close()

    def _running_already(self) -> Unavailable:
        other = read_server_file(self._data_dir)
        where = f" at {other['url']} (process {other['pid']})" if other else ", just starting"
        return Unavailable(
            "already_running",
            f"A server for this data folder is running already{where}.",
            "Use that one, or end it first; --data-dir makes another one possible.",
        )


def read_server_file(data_dir: Path) -> dict[str, Any]:
    """The contents of server.json; empty when there is none that can be read."""
    with suppress(OSError, ValueError):
        data = json.loads((data_dir / "server.json").read_bytes())
        if isinstance(data, dict) and {"url", "pid"} <= data.keys():
            return data
    return {}


def _token(path: Path) -> str:
    """The folder's token, kept from one start to the next; made at the first."""
    if path.is_file() and not path.is_symlink():
        path.chmod(0o600)
        kept = path.read_text("ascii", "replace").strip()
        if len(kept) >= LEAST_TOKEN and kept.isascii() and kept.isprintable():
            return kept
    token = secrets.token_urlsafe(TOKEN_BYTES)
    write_private(path, token.encode())
    return token
