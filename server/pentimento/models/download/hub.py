"""HTTP to the hub: its list of a repository's files, and their bytes from any place on.

Which files make a model is chosen by the catalogue's patterns and kept on disk, so that a download
can go on after a restart with the same commit. A file is fetched into a `.part`, resumed from
there, checked against its hash, and only then given its name.

The token goes to the hub's own origin only. Where the hub points elsewhere (its files lie at a CDN)
the address must be https and public, unless the hub itself is in the local network. Every wait
ends.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import quote, urljoin, urlsplit

from pentimento import __version__
from pentimento.core.files import is_disk_full
from pentimento.core.net import is_local, origin
from pentimento.models.download.problems import PullProblem, problem
from pentimento.models.download.settings import HubSettings

if TYPE_CHECKING:  # `requests` is a third of the front's start, and wanted for downloads only
    import requests

HOPS = 5
MOST_JSON = 16 * 2**20  # bytes of a list of files
CHUNK = 2**18
REDIRECTS = (301, 302, 303, 307, 308)
BUSY = (429, 503)
Enough = Callable[[bytearray], bool]
Subject = dict[str, str]  # what sentences are filled with: title, repo


class Stopped(Exception):
    """The user paused or cancelled, or the program ends."""


class Lost(Exception):
    """This try brought nothing, another may. `after`: the wait in seconds that the hub asks for."""

    def __init__(self, after: float | None = None, *, busy: bool = False) -> None:
        super().__init__()
        self.after = after
        self.busy = busy


@dataclass(slots=True)
class Bytes:
    """An answer being read. `offset` is where in the file it begins; None: the hub says that there
    is nothing from that place on."""

    offset: int | None
    _response: requests.Response
    _hub: Hub

    def __iter__(self) -> Iterator[bytes]:
        """Parts as they come. Raises Lost where they cease to come, or come too slowly."""
        patience = self._hub.settings.patience
        since, fresh = time.monotonic(), 0
        while part := self._hub.reading(self._response):
            yield part
            fresh += len(part)
            now = time.monotonic()
            if now - since > patience.window:
                if fresh < patience.least:
                    raise Lost
                since, fresh = now, 0


class Hub:
    """For one download, used from one thread; `stop` may be called from another."""

    def __init__(self, settings: HubSettings, subject: Subject) -> None:
        self.settings = settings
        self._subject = subject | {"endpoint": settings.endpoint}
        self._stopped = threading.Event()
        self._reading: requests.Response | None = None
        self._session = self._make_session()
        self._abroad = self._session if settings.near or self._proxied else self._make_session()
        if self._abroad is not self._session:
            from pentimento.core.public_http import PublicOnly

            self._abroad.adapters.clear()
            self._abroad.mount("https://", PublicOnly())

    def close(self) -> None:
        self._session.close()
        self._abroad.close()

    def stop(self) -> None:
        """From another thread: what runs raises Stopped soon, also where it waits for bytes."""
        self._stopped.set()
        with suppress(AttributeError, OSError):  # there is no connection, or no longer
            self._reading.raw.connection.sock.shutdown(socket.SHUT_RDWR)  # type: ignore[union-attr]

    def problem(
        self, code: str, *, details: dict[str, Any] | None = None, **words: str
    ) -> PullProblem:
        return problem(code, details=details, **(self._subject | words))

    def listing(self, repo: str, revision: str) -> dict[str, Any]:
        """What the hub says of a repository at a revision, with the files' sizes and hashes."""
        return self.document(
            f"/api/models/{quote(repo)}/revision/{quote(revision, safe='')}?blobs=true"
        )

    def place(self, repo: str, commit: str, path: str) -> str:
        """Where a file of a repository is, below the hub's address."""
        return f"/{quote(repo)}/resolve/{quote(commit, safe='')}/{quote(path)}"

    def document(self, path: str) -> dict[str, Any]:
        """A JSON object that lies below the hub's address."""
        tries = self.tries()
        while True:
            try:
                with self._open(path, {}) as response:
                    return self._json(response)
            except Lost as lost:
                tries.after(lost)

    def start(self, repo: str, commit: str, file: RemoteFile, enough: Enough) -> bytes:
        """A file's first bytes, until `enough` says so, or all of it."""
        tries = self.tries()
        while file.size:
            got = bytearray()
            try:
                with self.file(repo, commit, file.path, 0) as answer:
                    for part in answer:
                        got += part
                        if enough(got) or len(got) >= file.size:
                            return bytes(got)
                    raise Lost
            except Lost as lost:
                tries.after(lost)
        return b""

    @contextmanager
    def file(self, repo: str, commit: str, path: str, offset: int) -> Iterator[Bytes]:
        """A file's bytes from `offset` on, or from its beginning where the hub gives no less.
        Raises Lost."""
        asked = {"Range": f"bytes={offset}-"} if offset else {}
        with self._open(self.place(repo, commit, path), asked) as got:
            if got.status_code == 416:
                yield Bytes(None, got, self)
                return
            if got.headers.get("Content-Encoding", "identity") != "identity":
                raise self.problem("bad_hub_answer")
            start = _range_start(got) if got.status_code == 206 else 0
            if start is None or start not in (0, offset):
                raise self.problem("bad_hub_answer")
            yield Bytes(start, got, self)

    def reading(self, response: requests.Response) -> bytes:
        """The next bytes of an answer, as many as have come; none at its end."""
        from urllib3.exceptions import HTTPError

        self._reading = response
        self.check()
        try:
            part: bytes = response.raw.read1(CHUNK, decode_content=False)
        except (HTTPError, HTTPException, OSError):
            self.check()
            raise Lost from None
        return part

    def check(self) -> None:
        if self._stopped.is_set():
            raise Stopped

    def tries(self) -> Tries:
        return Tries(self)

    def wait(self, seconds: float) -> None:
        if self._stopped.wait(seconds):
            raise Stopped

    # Inside

    def _make_session(self) -> requests.Session:
        import requests

        settings = self.settings
        session = requests.Session()
        session.trust_env = False  # a .netrc would send a password along
        session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or True
        session.headers["User-Agent"] = f"pentimento/{__version__}"
        session.headers["Accept-Encoding"] = "identity"
        if settings.proxy and not settings.near:
            session.proxies.update({"http": settings.proxy, "https": settings.proxy})
        elif not settings.proxy:
            session.proxies.update(requests.utils.get_environ_proxies(settings.endpoint))
        return session

    @property
    def _proxied(self) -> bool:
        """Behind a proxy the address cannot be seen; the proxy decides who is reached."""
        return bool(self._session.proxies)

    @contextmanager
    def _open(self, path: str, headers: dict[str, str]) -> Iterator[requests.Response]:
        """The answer to a GET, after redirects; raises Lost or the problem for a refusal."""
        url = self.settings.endpoint + path
        for _ in range(HOPS):
            response = self._send(url, headers)
            try:
                if response.status_code not in REDIRECTS:
                    self._judge(response, self._is_own(url))
                    yield response
                    return
                url = self._safe(urljoin(url, response.headers.get("Location", "")))
            finally:
                self._reading = None
                response.close()
        raise self.problem("bad_hub_answer")

    def _send(self, url: str, headers: dict[str, str]) -> requests.Response:
        from requests import RequestException
        from urllib3.exceptions import HTTPError

        from pentimento.core.public_http import NotPublic

        self.check()
        own, patience = self._is_own(url), self.settings.patience
        sent = dict(headers)
        if own and self.settings.token:
            sent["Authorization"] = f"Bearer {self.settings.token}"
        session = self._session if own else self._abroad
        try:
            return session.get(
                url,
                headers=sent,
                timeout=(patience.connect, patience.read),
                stream=True,
                allow_redirects=False,
            )
        except NotPublic:
            raise self.problem("unsafe_url") from None
        except (RequestException, HTTPError, OSError):
            self.check()
            raise Lost from None

    def _judge(self, response: requests.Response, own: bool) -> None:
        status = response.status_code
        if status in (200, 206, 416):
            return
        if status in BUSY:
            raise Lost(_retry_after(response), busy=True)
        if status >= 500 or not own:
            raise Lost  # a link to the CDN is good for a while only: the hub gives another one
        if status in (401, 403):
            raise self.problem("token_refused" if self.settings.token else "model_gated")
        raise self.problem("not_on_hub" if status in (404, 410) else "bad_hub_answer")

    def _is_own(self, url: str) -> bool:
        return origin(url) == origin(self.settings.endpoint)

    def _safe(self, url: str) -> str:
        parts = origin(url)
        if self._is_own(url):
            return url
        near = self.settings.near and parts[0] == "http" and is_local(parts[1])
        if parts[0] != "https" and not near:
            raise self.problem("unsafe_url")
        if not parts[1] or urlsplit(url).username:
            raise self.problem("unsafe_url")
        return url

    def _json(self, response: requests.Response) -> dict[str, Any]:
        parts: list[bytes] = []
        for part in Bytes(0, response, self):
            parts.append(part)
            if sum(map(len, parts)) > MOST_JSON:
                raise self.problem("bad_hub_answer")
        try:
            told = json.loads(b"".join(parts))
        except (ValueError, RecursionError):
            raise self.problem("bad_hub_answer") from None
        if not isinstance(told, dict):
            raise self.problem("bad_hub_answer")
        return told


class Tries:
    """Counts tries in a row that brought nothing, waits between them, and ends them."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._failed = 0

    def gained(self) -> None:
        self._failed = 0

    def after(self, lost: Lost) -> None:
        """Waits until the next try may be made; raises the problem when there is to be none."""
        patience = self._hub.settings.patience
        if self._failed >= len(patience.pauses) or (lost.after or 0) > patience.longest_wait:
            details = {"retry_after": lost.after} if lost.after else None
            code = "hub_busy" if lost.busy else "hub_unreachable"
            raise self._hub.problem(code, details=details) from None
        pause = patience.pauses[self._failed]
        self._failed += 1
        self._hub.wait(pause if lost.after is None else lost.after)


def _range_start(response: requests.Response) -> int | None:
    """Of `Content-Range: bytes START-END/SIZE`."""
    unit, _, rest = response.headers.get("Content-Range", "").partition(" ")
    start = rest.partition("-")[0]
    return int(start) if unit == "bytes" and start.isascii() and start.isdigit() else None


def _retry_after(response: requests.Response) -> float | None:
    """Seconds, said as a number or a date; None where the hub does not say."""
    text = response.headers.get("Retry-After", "")
    with suppress(ValueError):
        return max(0.0, float(text))
    with suppress(ValueError):
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    return None


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """`path` in the repository, `stored` below the model's folder; `size` in bytes. `sha256` of the
    contents, or `blob`, git's name of them (SHA-1 over a header and the contents)."""

    path: str
    stored: str
    size: int
    sha256: str = ""
    blob: str = ""


LOOK_EVERY = 64 * 2**20  # bytes between two looks at the free space
A_GAIN = 2**20  # bytes after which a connection counts as one that worked

Room = Callable[[], None]  # raises disk_full when the disk is nearly so
Told = Callable[[int], None]  # hears how many bytes of the file are there


def fetch(
    hub: Hub, repo: str, commit: str, file: RemoteFile, target: Path, room: Room, told: Told
) -> None:
    """Leaves the whole file at `target`, or its beginning at `target.part` and raises."""
    if target.is_file():  # it was held against its hash before it got this name
        told(file.size)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    with part.open("a+b", buffering=0) as stream:
        arriving = Arriving(hub, file, stream, room, told)
        arriving.catch_up()
        tries = hub.tries()
        while arriving.have < file.size:
            before = arriving.have
            try:
                with hub.file(repo, commit, file.path, arriving.have) as answer:
                    arriving.take(answer)
                if arriving.have < file.size:
                    raise Lost  # the connection ended before the file did
            except Lost as lost:
                if arriving.have - before >= A_GAIN:
                    tries.gained()
                tries.after(lost)
        os.fsync(stream.fileno())
    if not arriving.is_right:
        part.unlink()
        raise hub.problem("wrong_hash", file=file.path)
    os.replace(part, target)


class Arriving:
    """What has come of a file, and its hash so far."""

    def __init__(
        self, hub: Hub, file: RemoteFile, stream: BinaryIO | Any, room: Room, told: Told
    ) -> None:
        self.have = 0
        self._hub = hub
        self._file = file
        self._stream = stream
        self._room = room
        self._told = told
        self._digest = self._fresh()

    @property
    def is_right(self) -> bool:
        expected = self._file.sha256 or self._file.blob
        return self.have == self._file.size and self._digest.hexdigest() == expected

    def catch_up(self) -> None:
        """Reads what an earlier try has left."""
        self._stream.seek(0)
        while part := self._stream.read(CHUNK):
            self._hub.check()
            self._digest.update(part)
            self.have += len(part)
            self._told(self.have)
        if self.have > self._file.size:
            self._begin_anew()

    def take(self, answer: Bytes) -> None:
        if answer.offset != self.have:
            self._begin_anew()
        if answer.offset is None:
            raise Lost
        looked = self.have
        for part in answer:
            if self.have + len(part) > self._file.size:
                self._begin_anew()
                raise self._hub.problem("wrong_hash", file=self._file.path)
            self._write(part)
            self._told(self.have)
            if self.have - looked >= LOOK_EVERY:
                self._room()
                looked = self.have

    def _write(self, part: bytes) -> None:
        left = memoryview(part)
        try:
            while left:
                left = left[self._stream.write(left) :]
        except OSError as error:
            if is_disk_full(error):
                self._room()
            raise
        self._digest.update(part)
        self.have += len(part)

    def _begin_anew(self) -> None:
        self._stream.truncate(0)
        self.have, self._digest = 0, self._fresh()

    def _fresh(self) -> Any:
        if self._file.sha256:
            return hashlib.sha256()
        header = f"blob {self._file.size}\0".encode()
        return hashlib.sha1(header, usedforsecurity=False)


SHA256, SHA1 = re.compile(r"[0-9a-f]{64}"), re.compile(r"[0-9a-f]{40}")
