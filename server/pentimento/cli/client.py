"""The server as seen from the shell: HTTP calls whose failures are sentences."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import requests

from pentimento.core import data_folder, files, identity, other_machine
from pentimento.core.errors import PentimentoError
from pentimento.core.files import server_file, try_lock
from pentimento.core.geometry import Size
from pentimento.imaging import pixels
from pentimento.schema.job import JobStatus, PixelFormat

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 60.0
WAIT_SECONDS = 2  # of one long poll; an interactive job counts as followed while it lasts
START_SECONDS = 30.0
START_LOOK = 0.05  # s between looks whether a server is there
SPEAKS = "pentimento: "  # before the reason for which a command ends
RAW = "application/x-pixels"


class ServerError(PentimentoError):
    """The server cannot be reached, or it refused a call; sentences as for all errors."""


@dataclass(frozen=True, slots=True)
class RawPicture:
    """Raw pixels as the server sent them."""

    data: bytes
    size: Size
    format: PixelFormat

    def array(self) -> np.ndarray:
        """`(h, w, c)` in the picture's depth."""
        stored, channels = pixels.LAYOUT[self.format]
        values = np.frombuffer(self.data, stored)
        return values.reshape(self.size.height, self.size.width, channels)


class Client:
    """One server. Every method raises ServerError."""

    def __init__(self, url: str, token: str, fingerprint: str = "") -> None:
        """`fingerprint`: of the certificate of one on another machine."""
        self.url = url.rstrip("/")
        self._token = token
        self._session = other_machine.session(fingerprint)
        self._elsewhere = bool(fingerprint)

    def health(self) -> dict[str, Any]:
        """What the server says of itself, once it has shown that it knows the token. Only then is
        the token sent to it."""
        nonce = identity.new_nonce()
        told = self._answer(self._send("GET", "/v1/health", params={"nonce": nonce}))
        if told.get("name") != "pentimento":
            raise _not_ours(self.url)
        port = urlsplit(self.url).port or (443 if self._elsewhere else 80)
        if not identity.is_proof(told.get("proof"), self._token, port, nonce):
            raise _somebody_elses(self.url)
        self._session.headers["Authorization"] = f"Bearer {self._token}"
        return told

    def status(self) -> dict[str, Any]:
        return self._json("GET", "/v1/status")

    def models(self) -> dict[str, Any]:
        """Everything that is installed."""
        return self._json("GET", "/v1/models")

    def plan(self, request: dict[str, Any]) -> dict[str, Any]:
        """What a job would do."""
        return self._json("POST", "/v1/plan", json=request)

    def shut_down(self) -> None:
        """Asks the server to end; it answers first."""
        self._json("POST", "/v1/shutdown")

    def offer_pairing(self, place: dict[str, Any]) -> dict[str, Any]:
        """Opens the way in for other machines; the code for one of them."""
        return self._json("POST", "/v1/network/pairing", json=place)

    def close_network(self) -> None:
        self._json("DELETE", "/v1/network")

    def pair(self, nonce: str, proof: str) -> dict[str, Any]:
        """Shows the code; needs no token."""
        wanted = {"nonce": nonce, "proof": proof}
        return self._answer(self._send("POST", "/v1/pair", json=wanted))

    def backends(self) -> list[dict[str, Any]]:
        """Where jobs can run, this machine first."""
        return list(self._json("GET", "/v1/backends")["backends"])

    def change_backend(self, service: str, change: dict[str, Any]) -> dict[str, Any]:
        return self._json("PUT", f"/v1/backends/{service}", json=change)

    def put_key(self, service: str, key: str) -> dict[str, Any]:
        return self._json("PUT", f"/v1/backends/{service}/key", json={"key": key})

    def forget_key(self, service: str) -> dict[str, Any]:
        return self._json("DELETE", f"/v1/backends/{service}/key")

    def agree(self, service: str, *, agreed: bool) -> dict[str, Any]:
        return self._json("POST", f"/v1/backends/{service}/consent", json={"agreed": agreed})

    def check_backend(self, service: str) -> dict[str, Any]:
        """The `models` of a service whose address and key work, and `remarks` on its record."""
        return self._json("POST", f"/v1/backends/{service}/check", json={})

    def send_picture(self, data: bytes, content_type: str) -> str:
        """Sends a picture and answers its blob id."""
        headers = {"Content-Type": content_type}
        return str(self._json("PUT", "/v1/blobs", data=data, headers=headers)["id"])

    def has_picture(self, blob: str) -> bool:
        return self._call("HEAD", f"/v1/blobs/{blob}", accept=(404,)).status_code == 200

    def send_job(self, request: dict[str, Any], key: str = "") -> str:
        """Queues a job and answers its id; of the job that was sent with the same `key`, if one
        was."""
        headers = {"Idempotency-Key": key} if key else {}
        return str(self._json("POST", "/v1/jobs", json=request, headers=headers)["id"])

    def job(self, job: str) -> dict[str, Any]:
        return self._json("GET", f"/v1/jobs/{job}")

    def follow(self, job: str) -> Iterator[dict[str, Any]]:
        """Snapshots of the job as it changes, the final one last."""
        query: dict[str, int] = {}
        while True:
            snapshot = self._json("GET", f"/v1/jobs/{job}", params=query)
            query = {"wait": WAIT_SECONDS, "since": snapshot["rev"]}
            yield snapshot
            if JobStatus(snapshot["status"]).final:
                return

    def pull(self, model: str, accept_licence: bool) -> dict[str, Any]:
        """Begins a download or goes on with it."""
        request = {"id": model, "accept_licence": accept_licence}
        return self._json("POST", "/v1/models/pull", json=request)

    def follow_pull(self, model: str) -> Iterator[dict[str, Any]]:
        """Snapshots of a download as it changes, the last one of its end or pause."""
        query: dict[str, int] = {}
        while True:
            snapshot = self._json("GET", f"/v1/models/pulls/{model}", params=query)
            query = {"wait": WAIT_SECONDS, "since": snapshot["rev"]}
            yield snapshot
            if snapshot["status"] not in ("queued", "running"):
                return

    def pause_pull(self, model: str) -> None:
        self._json("POST", f"/v1/models/pulls/{model}/pause")

    def cancel(self, job: str) -> None:
        self._json("DELETE", f"/v1/jobs/{job}")

    def result(self, job: str, index: int) -> RawPicture:
        return self.picture(f"/v1/jobs/{job}/images/{index}")

    def picture(self, path: str) -> RawPicture:
        answer = self._call("GET", path, headers={"Accept": RAW})
        described = dict(
            part.strip().partition("=")[::2]
            for part in answer.headers["Content-Type"].split(";")[1:]
        )
        size = Size(int(described["width"]), int(described["height"]))
        return RawPicture(answer.content, size, PixelFormat(described["format"]))

    def _json(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        return self._answer(self._call(method, path, **options))

    def _answer(self, answer: requests.Response) -> dict[str, Any]:
        try:
            return dict(answer.json())
        except (ValueError, TypeError) as error:
            raise _not_ours(self.url) from error

    def _call(
        self, method: str, path: str, *, accept: tuple[int, ...] = (), **options: Any
    ) -> requests.Response:
        if "Authorization" not in self._session.headers:
            self.health()
        return self._send(method, path, accept=accept, **options)

    def _send(
        self, method: str, path: str, *, accept: tuple[int, ...] = (), **options: Any
    ) -> requests.Response:
        try:
            answer = self._session.request(
                method, self.url + path, timeout=(CONNECT_SECONDS, ANSWER_SECONDS), **options
            )
        except requests.exceptions.SSLError as error:
            raise _another_machine(self.url) from error
        except requests.ConnectionError as error:
            # The port may be another's by the next call.
            self._session.headers.pop("Authorization", None)
            raise _unreachable(self.url, elsewhere=self._elsewhere) from error
        except requests.Timeout as error:
            raise ServerError(
                "server_silent",
                f"The server at {self.url} does not answer.",
                "`pentimento doctor` looks for the reason.",
            ) from error
        if answer.status_code >= 400 and answer.status_code not in accept:
            raise _refusal(answer, self.url)
        return answer


def connect(data_dir: Path, *, own: bool = False) -> Client:
    """The running server of this data folder, or the one on another machine that this one was
    paired with, unless it has to be its `own`. Raises ServerError when there is none."""
    if not own and (other := other_machine.kept(data_dir)):
        client = Client(other.url, other.token, other.fingerprint)
        client.health()
        return client
    found = server_file(data_dir)
    if found is None:
        raise ServerError(
            "server_not_running", "The server is not running.", "Start it with `pentimento serve`."
        )
    client = Client(found.url, found.token)
    client.health()
    return client


def connect_or_start(data_dir: Path, *, own: bool = False) -> tuple[Client, bool]:
    """As `connect`, or a new one on this machine that stays; tells whether it was started."""
    try:
        return connect(data_dir, own=own), False
    except ServerError:
        if not own and other_machine.kept(data_dir):
            raise
        return _start(data_dir), True


def _start(data_dir: Path) -> Client:
    """Starts `pentimento serve` apart from this terminal and waits until it answers. Of several
    commands at once one does that, the others wait for it."""
    data_folder.check(data_dir)
    log = data_dir / data_folder.LOGS / "start.log"
    deadline = time.monotonic() + START_SECONDS
    try:
        data_folder.make(data_dir)
        data_folder.make(log.parent)
        with (data_dir / data_folder.START_LOCK).open("ab") as lock:
            while not try_lock(lock):
                time.sleep(START_LOOK)
                if time.monotonic() > deadline:
                    raise _not_started(log)
            try:
                return connect(data_dir, own=True)  # another one has started it meanwhile
            except ServerError:
                return _started(data_dir, log, deadline)
    except OSError as error:
        if files.is_disk_full(error):
            raise files.disk_full() from error
        data_folder.refuse(data_dir, error.strerror or type(error).__name__)


def _started(data_dir: Path, log: Path, deadline: float) -> Client:
    command = [sys.executable, "-m", "pentimento", "serve", "--data-dir", str(data_dir)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    while time.monotonic() < deadline:
        try:
            return connect(data_dir, own=True)
        except ServerError:
            pass  # its file is there before its port
        if process.poll() is not None and not _was_late(log):
            break
        time.sleep(START_LOOK)
    raise _not_started(log)


def _was_late(log: Path) -> bool:
    """Whether a server that somebody started by hand was there first: it will answer soon."""
    return "is running already" in _said(log)[0]


def _not_started(log: Path) -> ServerError:
    reason, remedy = _said(log)
    return ServerError(
        "server_not_started",
        f"The server could not be started. {reason}".strip(),
        f"{remedy} Its messages are in {log}; `pentimento doctor` looks for the reason.".strip(),
    )


def _said(log: Path) -> tuple[str, str]:
    """The reason that a server gave for not starting, and the remedy; else its last words."""
    try:
        lines = log.read_text("utf-8", errors="replace").strip().splitlines()
    except OSError:
        return "", ""
    for number, line in reversed(list(enumerate(lines))):
        if line.startswith(SPEAKS):
            return line.removeprefix(SPEAKS), " ".join(lines[number + 1 :])
    return (f"It said: {lines[-1]}" if lines else ""), ""


def _refusal(answer: requests.Response, url: str) -> ServerError:
    """The error body of docs/protocol.md as an exception."""
    try:
        error = answer.json()["error"]
        message = str(error["message"])
        for field in error["details"].get("fields", ()):
            message += f"\n  {field['field']}: {field['message']}"
        return ServerError(
            error["code"],
            message,
            error["hint"],
            status=answer.status_code,
            details=error["details"],
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return _not_ours(url)


def _unreachable(url: str, *, elsewhere: bool) -> ServerError:
    if elsewhere:
        return ServerError(
            "server_not_running",
            f"Nothing answers at {url}, on the machine that this one was paired with.",
            "Look whether it is on, and its server runs. `pentimento pair --forget` goes back to "
            "this machine's own server.",
        )
    return ServerError(
        "server_not_running",
        f"Nothing answers at {url}.",
        "Start the server with `pentimento serve`.",
    )


def _another_machine(url: str) -> ServerError:
    return ServerError(
        "wrong_certificate",
        f"What answers at {url} has another certificate than the machine that this one was paired "
        "with. Nothing was sent.",
        "If its data folder is a new one, pair with it again; else something answers in its place.",
    )


def _somebody_elses(url: str) -> ServerError:
    return ServerError(
        "not_your_server",
        f"The server at {url} does not know the token of this data folder, so it was not sent.",
        "It belongs to another user or another data folder. Your own starts with the next job, or "
        "with `pentimento serve`.",
    )


def _not_ours(url: str) -> ServerError:
    return ServerError(
        "not_pentimento",
        f"What answers at {url} is not a Pentimento server.",
        "End the other program, or start the server with another port: `pentimento serve --port`.",
    )
