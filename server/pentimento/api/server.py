"""The front process: from a bound socket to a clean end, one for each data folder.

Its lock, its token, and server.json that tells others where it is are here, too.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
import signal
import socket
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, BinaryIO

import uvicorn

from pentimento import __version__
from pentimento.api.app import create_app
from pentimento.api.binding import bind, uvicorn_config
from pentimento.api.compat import load
from pentimento.api.connections import Connections
from pentimento.core import data_folder, files, heap
from pentimento.core.errors import PentimentoError, Unavailable
from pentimento.core.files import try_lock, write_private
from pentimento.core.settings import Settings
from pentimento.schema.task import Backend

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
            data_folder.claim(self._data_dir)
            self._lock = _opened(self._data_dir / data_folder.LOCK)
            if not try_lock(self._lock):
                raise self._running_already()
            data_folder.remove_parts(self._data_dir)
            self.token = _token(self._data_dir / "token")
        except OSError as error:
            if files.is_disk_full(error):
                raise files.disk_full() from error
            data_folder.refuse(self._data_dir, error.strerror or type(error).__name__)
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


def _opened(path: Path) -> BinaryIO:
    """For writing, by its owner alone; a link is not followed."""
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
    return os.fdopen(os.open(path, flags, 0o600), "ab")


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


log = logging.getLogger(__name__)

LOG_BYTES = 2 * 2**20
LOG_FILES = 3


def serve(settings: Settings, backend: Backend | None = None) -> None:
    """Runs until it is told to stop; raises PentimentoError when it cannot start."""
    heap.settle()
    os.umask(0o077)  # whatever is written belongs to this user alone
    instance = Instance(settings.data_dir)
    instance.open()
    try:
        log_to_file(settings)
        if notice := data_folder.too_open(settings.data_dir):
            log.warning(notice)
        with bind(settings.host, settings.port) as listener:
            _run(settings, instance, listener, backend)
    except (OSError, sqlite3.Error) as problem:
        raise _cannot_work(settings, problem) from problem
    finally:
        instance.withdraw()
        instance.close()


def _run(
    settings: Settings, instance: Instance, listener: socket.socket, backend: Backend | None
) -> None:
    port = listener.getsockname()[1]
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    server: Server | None = None

    def stop() -> None:
        if server:
            server.should_exit = True

    connections = Connections(settings.limits)
    app = create_app(
        settings,
        token=instance.token,
        port=port,
        backend=backend,
        stop=stop,
        admitted=connections.admit,
    )
    config = uvicorn_config(app, connections, settings.limits)
    server = Server(config, app, instance, f"http://{host}:{port}")
    asyncio.run(server.serve(sockets=[listener]))
    if app.state.problem:
        raise app.state.problem


def _cannot_work(settings: Settings, problem: OSError | sqlite3.Error) -> PentimentoError:
    if files.is_disk_full(problem) or files.is_full(settings.data_dir):
        return files.disk_full()
    log.debug("the server cannot start", exc_info=problem)
    reason = getattr(problem, "strerror", None) or str(problem) or type(problem).__name__
    return PentimentoError(
        "data_dir",
        f"The data folder {settings.data_dir} cannot be used: {reason}.",
        "Look whether its disk works and its files are yours, or choose another folder with "
        "--data-dir or PENTIMENTO_DATA.",
    )


class Server(uvicorn.Server):
    """uvicorn's server that announces itself when it is ready and ends its streams before it waits
    for them."""

    def __init__(self, config: uvicorn.Config, app: object, instance: Instance, url: str) -> None:
        super().__init__(config)
        self._services = app.state.services  # type: ignore[attr-defined]
        self._faces = load(self._services.settings.faces)
        self._instance = instance
        self._url = url

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.should_exit:  # it was told so already, or could not start
            return
        self._instance.announce(self._url)
        print(f"pentimento {__version__} listening on {self._url}", flush=True)
        for face in self._faces:
            print(f"{face.title} at {self._url}{face.address}", flush=True)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._instance.withdraw()
        self._services.stopping.set()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As uvicorn's, without raising the signal again: being told to end is no failure."""
        handled = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self.handle_exit) for number in handled}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class LogFile(RotatingFileHandler):
    def handleError(self, record: logging.LogRecord) -> None:
        """A full disk must not fill the terminal with traces: the server has its own words."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)


def log_to_file(settings: Settings) -> None:
    """Everything goes to logs/server.log, warnings also to stderr. Prompts are never logged."""
    settings.log_file.parent.mkdir(parents=True, exist_ok=True)
    file = LogFile(
        settings.log_file,
        maxBytes=LOG_BYTES,
        backupCount=LOG_FILES,
        encoding="utf-8",
        errors="backslashreplace",
    )
    file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    stderr = logging.StreamHandler()
    stderr.setLevel(logging.WARNING)
    logging.basicConfig(level=settings.log_level.upper(), handlers=[file, stderr], force=True)
    logging.getLogger("uvicorn").setLevel(max(logging.INFO, logging.root.level))
