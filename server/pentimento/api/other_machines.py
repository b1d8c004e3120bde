"""The way in from other machines: a second listener beside the loopback one, with TLS under a
certificate of this server's own and a token of its own, for the calls that make pictures.

It is closed until its owner pairs another machine, opens again with the server, and closes for good
when the owner says so; every token that was given away is worthless then. Nothing that manages this
machine (models, services and their keys, the server's end) can be reached through it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import secrets
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NoReturn

import uvicorn
from starlette.requests import Request
from starlette.types import ASGIApp

from pentimento.api.binding import bind, uvicorn_config
from pentimento.api.connections import Connections
from pentimento.api.handshakes import Handshakes
from pentimento.core import certificate, files, pairing_code
from pentimento.core.certificate import OwnCertificate
from pentimento.core.errors import Conflict, NotAllowed, PentimentoError
from pentimento.core.settings import Limits

log = logging.getLogger(__name__)

EVERYWHERE = "0.0.0.0"
FOLDER, ACCESS = "network", "access.json"
CODE_SECONDS = 600
MOST_TRIES = 5  # wrong codes, until the right one is none any more
CALLS = frozenset(  # of docs/protocol.md
    (
        *(("GET", "/v1/health"), ("POST", "/v1/pair"), ("GET", "/v1/status")),
        *(("GET", "/v1/models"), ("GET", "/v1/capabilities"), ("GET", "/v1/styles")),
        *(("PUT", "/v1/styles/{name}"), ("DELETE", "/v1/styles/{name}")),
        *(("GET", "/v1/backends"), ("GET", "/v1/network")),
        *(("POST", "/v1/plan"), ("PUT", "/v1/blobs"), ("HEAD", "/v1/blobs/{id}")),
        *(("POST", "/v1/jobs"), ("GET", "/v1/jobs"), ("GET", "/v1/jobs/{id}")),
        *(("PATCH", "/v1/jobs/{id}"), ("DELETE", "/v1/jobs/{id}")),
        *(("GET", "/v1/jobs/{id}/events"), ("GET", "/v1/jobs/{id}/preview")),
        *(("GET", "/v1/jobs/{id}/images/{n}"), ("GET", "/v1/jobs/{id}/mask")),
        *(("GET", "/v1/jobs/{id}/stages/{n}"), ("GET", "/v1/jobs/{id}/contact-sheet")),
        *(("POST", "/v1/jobs/{id}/finish"), ("POST", "/v1/engine/start")),
    )
)
HOST_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")

MakeApp = Callable[[str, int, Callable[[Any], None]], ASGIApp]  # of token, port and `admitted`


@dataclass(frozen=True, slots=True)
class Access:
    """Where it listens, and the token that lets other machines in."""

    host: str
    port: int
    token: str


@dataclass(slots=True)
class Code:
    """`until` on the monotonic clock."""

    plain: str
    until: float
    tries: int = 0


class Network:
    """Opened and closed on the event loop."""

    def __init__(self, data_dir: Path, limits: Limits) -> None:
        self._folder = data_dir / FOLDER
        self._limits = limits
        self._listener: _Listener | None = None
        self._code: Code | None = None
        self._changing = asyncio.Lock()
        self.make_app: MakeApp | None = None

    @property
    def place(self) -> tuple[str, int] | None:
        """Host and port where it listens; None while it is closed."""
        return (self._access.host, self._access.port) if self._listener else None

    @property
    def fingerprint(self) -> str | None:
        return self._listener.identity.fingerprint if self._listener else None

    async def open_again(self) -> None:
        """As it was when the server ended. What goes wrong is logged: loopback works without it."""
        access = await asyncio.to_thread(self._kept)
        if access:
            try:
                await self._listen(access)
            except PentimentoError as error:
                log.warning("other machines cannot connect: %s", error.message)

    async def new_code(self, host: str | None, port: int | None) -> str:
        """Opens the way in, unless it is open, and answers a code for one other machine. Raises
        port_in_use, and Conflict where it is open at another place than the one wished for."""
        async with self._changing:
            if self._listener is None:
                kept = await asyncio.to_thread(self._kept)
                old = kept or Access(EVERYWHERE, pairing_code.PORT, secrets.token_urlsafe(32))
                port = old.port if port is None else port
                await self._listen(Access(host or old.host, port, old.token))
            self._refuse_move(host, port)
            code = pairing_code.new_code()
            self._code = Code(str(pairing_code.plain(code)), time.monotonic() + CODE_SECONDS)
            return code

    def _refuse_move(self, host: str | None, port: int | None) -> None:
        here = self._access
        if host in (None, here.host) and port in (None, 0, here.port):
            return
        raise Conflict(
            "network_open",
            f"The server listens for other machines at {here.host}, port {here.port}, already.",
            "Close that first: `pentimento pair --close`.",
        )

    def pair(self, nonce: str, shown: str) -> tuple[str, str]:
        """The token for a client that has shown the code, and the proof that this server knows it
        too. Raises NotAllowed."""
        code = self._code
        if code is None or code.until < time.monotonic():
            raise _no_code()
        fingerprint = str(self.fingerprint)
        code.tries += 1
        if code.tries >= MOST_TRIES:
            self._code = None
        if not pairing_code.is_proof(shown, code.plain, "client", fingerprint, nonce):
            raise NotAllowed(
                "wrong_code",
                "The code is not the one that the other machine shows, or something between the "
                "two answers in its place.",
                "Type it again as `pentimento pair` shows it there; after five tries it takes a "
                "new one.",
                status=403,
            )
        self._code = None  # for one machine
        token = self._access.token
        return token, pairing_code.proof(code.plain, "server", fingerprint, nonce, token)

    async def close(self, *, for_good: bool = False) -> None:
        """`for_good`: until a machine is paired again; no token that was given counts any more."""
        async with self._changing:
            if for_good:
                self._code = None
                access = self._folder / ACCESS
                await asyncio.to_thread(access.unlink, missing_ok=True)
            listener, self._listener = self._listener, None
            if listener:
                await listener.close()

    @property
    def _access(self) -> Access:
        assert self._listener
        return self._listener.access

    async def _listen(self, access: Access) -> None:
        assert self.make_app
        identity = await asyncio.to_thread(certificate.own, self._folder)
        listener = _Listener(access, identity, self._limits, self.make_app)
        await listener.open()
        self._listener = listener
        await asyncio.to_thread(self._keep, listener.access)

    def _kept(self) -> Access | None:
        with suppress(OSError, ValueError, KeyError, TypeError):
            data = json.loads((self._folder / ACCESS).read_bytes())
            return Access(str(data["host"]), int(data["port"]), str(data["token"]))
        return None

    def _keep(self, access: Access) -> None:
        data = {"host": access.host, "port": access.port, "token": access.token}
        files.write_private(self._folder / ACCESS, json.dumps(data).encode(), lasting=True)


class _Listener:
    """One open way in."""

    def __init__(
        self, access: Access, identity: OwnCertificate, limits: Limits, make_app: MakeApp
    ) -> None:
        self.access = access
        self.identity = identity
        self._limits = limits
        self._make_app = make_app
        self._handshakes: Handshakes | None = None
        self._server: _Server | None = None
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Raises port_in_use."""
        listener = bind(self.access.host, self.access.port)
        port = listener.getsockname()[1]
        self.access = Access(self.access.host, port, self.access.token)
        connections = Connections(self._limits)
        app = self._make_app(self.access.token, port, connections.admit)
        self._handshakes = await asyncio.to_thread(Handshakes, self.identity, self._limits)
        config = uvicorn_config(app, connections, self._limits, beside=self._handshakes)
        self._server = _Server(config)
        self._task = asyncio.create_task(self._server.serve(sockets=[listener]))
        while not self._server.started and not self._task.done():
            await asyncio.sleep(0)
        log.info("other machines are let in at port %s", port)

    async def close(self) -> None:
        assert self._server
        assert self._task
        assert self._handshakes
        self._server.should_exit = True
        self._handshakes.give_up_all()
        await self._task


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The server beside it hears them and closes this one."""
        yield


def addresses(host: str, port: int) -> list[str]:
    """`host:port` under which other machines may reach this one, when it listens there."""
    return [f"[{one}]:{port}" if ":" in one else f"{one}:{port}" for one in _hosts(host)]


def _hosts(host: str) -> list[str]:
    with suppress(ValueError):
        if not ip_address(host).is_unspecified:
            return [host]
    import psutil  # a megabyte that a server at rest need not have

    found = []
    for name, places in psutil.net_if_addrs().items():
        up = psutil.net_if_stats().get(name)
        found += [one.address for one in places if one.family == socket.AF_INET and up and up.isup]
    return [one for one in found if not ip_address(one).is_loopback] or [socket.gethostname()]


def is_own_name(port: int) -> Callable[[str], bool]:
    """Whether a Host header can mean this server: an address, or a name of this machine. A page
    under another name that leads here (DNS rebinding) is none."""

    def check(authority: str) -> bool:
        name, _, number = authority.rpartition(":")
        if number != str(port):
            return False
        with suppress(ValueError):
            ip_address(name.strip("[]"))
            return True
        own = socket.gethostname().lower().partition(".")[0]
        return name in ("localhost", own, f"{own}.local", f"{own}.lan", f"{own}.home.arpa")

    return check


def refuse_elsewhere(request: Request, place: str | None) -> None:
    """Raises NotAllowed for a job from another machine that is to be made by a service: that is its
    owner's to pay."""
    if place is not None and request.app.state.from_network:
        raise NotAllowed(
            "not_over_network",
            "From another machine this server makes pictures itself only, and asks no service.",
            "Run the job there, or at this machine.",
            status=403,
        )


async def refused(request: Request) -> NoReturn:
    """What other machines cannot do here."""
    raise NotAllowed(
        "not_over_network",
        "This is done at the machine itself, not from another one.",
        "Use GIMP or the pentimento command there.",
        status=403,
    )


def _no_code() -> NotAllowed:
    return NotAllowed(
        "no_code",
        "The other machine waits for nobody: its code was used, or ten minutes are over.",
        "Run `pentimento pair` there again, and type the new code.",
        status=403,
    )
