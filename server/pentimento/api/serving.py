"""The front process: from a bound socket to a clean end."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler

import uvicorn

from pentimento import __version__
from pentimento.api.app import create_app
from pentimento.api.connections import with_limits
from pentimento.api.faces import load
from pentimento.api.instance import Instance
from pentimento.api.settings import Settings
from pentimento.backends.base import Backend
from pentimento.errors import PentimentoError

BACKLOG = 128
LOG_BYTES = 2 * 2**20
LOG_FILES = 3
KEEP_ALIVE = 15  # s


def serve(settings: Settings, backend: Backend | None = None) -> None:
    """Runs until it is told to stop; raises PentimentoError when it cannot start."""
    instance = Instance(settings.data_dir)
    instance.open()
    try:
        log_to_file(settings)
        with bind(settings.host, settings.port) as listener:
            _run(settings, instance, listener, backend)
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

    app = create_app(settings, token=instance.token, port=port, backend=backend, stop=stop)
    server = Server(_uvicorn_config(app, settings), app, instance, f"http://{host}:{port}")
    asyncio.run(server.serve(sockets=[listener]))


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


def bind(host: str, port: int) -> socket.socket:
    """A listening place, taken at once, so that a port in use is known before anything starts."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
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
        ) from error
    return listener


def log_to_file(settings: Settings) -> None:
    """Everything goes to logs/server.log, warnings also to stderr. Prompts are never logged."""
    settings.log_file.parent.mkdir(parents=True, exist_ok=True)
    file = RotatingFileHandler(
        settings.log_file, maxBytes=LOG_BYTES, backupCount=LOG_FILES, encoding="utf-8"
    )
    file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    stderr = logging.StreamHandler()
    stderr.setLevel(logging.WARNING)
    logging.basicConfig(level=settings.log_level.upper(), handlers=[file, stderr], force=True)
    logging.getLogger("uvicorn").setLevel(max(logging.INFO, logging.root.level))


def _uvicorn_config(app: object, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        app,  # type: ignore[arg-type]
        loop="asyncio",
        http=with_limits(settings.limits),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=BACKLOG,
        h11_max_incomplete_event_size=16 * 1024,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=max(1, round(settings.limits.farewell_seconds)),
    )
