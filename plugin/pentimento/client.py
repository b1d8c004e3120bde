"""HTTP to the server: every call of docs/protocol.md that the plug-in uses. Knows nothing of GIMP.

http.client takes no notice of proxy settings, which is right for a server on this machine. Every
wait has a deadline; every failure is a PluginError with a sentence.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import os
import secrets
import select
import socket
import stat
import threading
import time
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterator, List, Mapping, Optional, Tuple
from urllib.parse import urlencode, urlsplit

import failure_words
import other_machine
import texts
import wire
from errors import JobFailed, PluginError, ServerRefused, ServerUnreachable
from i18n import _

if TYPE_CHECKING:
    from answers import (
        Available,
        BackendEntry,
        ErrorParts,
        JobRequest,
        Jobs,
        Lists,
        Plan,
        PlanRequest,
        PullSnapshot,
        ServiceChange,
        Snapshot,
        Status,
    )

CONNECT_SECONDS = 5
HEALTH_SECONDS = 8
ANSWER_SECONDS = 30
PIXELS_SECONDS = 120
SILENCE_SECONDS = 15  # an event stream sends at least a comment every 5 s
GONE_SECONDS = 8  # how long a server may be away in the middle of a job
RETRY_SECONDS = 0.3
SHARED_BYTES = 2**20  # and more go by way of a file, where that is offered
LOOPBACK = ("127.0.0.1", "localhost", "::1")
KEPT_SECONDS = 8  # a connection without a call; the server closes it after 15 s

Tell = Callable[[str, Mapping[str, Any]], None]  # actions.work.progress_of knows their shapes


class Client:
    """One server at `url`. A connection is kept from one call to the next; each has one of its own
    while it lasts, so that threads do not meet."""

    def __init__(self, url: str, token: str, fingerprint: str = "") -> None:
        """`fingerprint`: of the certificate, where it is a server that was paired with."""
        self._fingerprint = fingerprint
        self.url = url.strip().rstrip("/")
        self.token = "".join(token.split()).encode("ascii", "ignore").decode()
        parts = urlsplit(self.url if "://" in self.url else "http://" + self.url)
        try:
            self._host, self._port = parts.hostname or "", parts.port
        except ValueError:
            self._host = ""
        if parts.scheme not in ("http", "https") or not self._host:
            raise PluginError(
                _("{url} is not an address of a server.").format(url=self.url),
                _(
                    "It looks like http://127.0.0.1:8765; see Filters > Pentimento > Setup > "
                    "Server."
                ),
                "bad_url",
            )
        self._tls = parts.scheme == "https"
        self._proven = not self.token
        self._kept: List[Tuple[float, http.client.HTTPConnection]] = []
        self._shares = False  # whether pictures may go by way of a file

    def prove(self) -> None:
        """Raises where the server is not Pentimento, or does not take the token."""
        self._prove()
        if not self.token:
            self.status()  # whether it wants one

    def check(self) -> Status:
        """The server's status, once it is known to be Pentimento and to take the token."""
        self._prove()
        return self.status()

    def _prove(self) -> None:
        """Lets the server show that it knows the token, which is sent to nobody else: the port may
        be another user's by now. docs/protocol.md says how it does that."""
        nonce = secrets.token_urlsafe(24)
        path = "/v1/health?nonce=" + nonce
        _status, _headers, body = self._exchange("GET", path, seconds=HEALTH_SECONDS, open_to=True)
        health = self._parsed(body)
        if health.get("name") != "pentimento":
            raise self._stranger()
        port = self._port or (443 if self._tls else 80)
        text = f"pentimento health\n{port}\n{nonce}".encode()
        proof = hmac.new(self.token.encode(), text, hashlib.sha256).hexdigest()
        shown = str(health.get("proof"))
        if self.token and not hmac.compare_digest(shown.encode(), proof.encode()):
            self._proven = False
            raise self._not_taken()
        self._proven = True
        self._shares = health.get("shared_files") is True and self._host in LOOPBACK

    def status(self) -> Status:
        return self._json("GET", "/v1/status", seconds=HEALTH_SECONDS)

    def lists(self) -> Lists:
        """The server's `models`, and the `controlnets` and `loras` for them; its `styles`."""
        both: Any = {**self._json("GET", "/v1/models"), **self._json("GET", "/v1/styles")}
        return both

    def available(self) -> Available:
        """Models that can be downloaded, with the machine's memory and the free space."""
        return self._json("GET", "/v1/models/available")

    def pulls(self) -> List[PullSnapshot]:
        """Downloads that run, wait or have ended."""
        return self._json("GET", "/v1/models/pulls")["pulls"]

    def pull(self, model: str, accept_licence: bool = False) -> PullSnapshot:
        """Begins a download or goes on with it."""
        request = {"id": model, "accept_licence": accept_licence}
        return self._json("POST", "/v1/models/pull", request)

    def pause_pull(self, model: str) -> PullSnapshot:
        return self._json("POST", f"/v1/models/pulls/{model}/pause", {})

    def cancel_pull(self, model: str) -> PullSnapshot:
        """Gives a download up with what has come."""
        return self._json("DELETE", "/v1/models/pulls/" + model)

    def remove_model(self, model: str) -> None:
        self._json("DELETE", "/v1/models/" + model)

    def backends(self) -> List[BackendEntry]:
        """Where jobs can run, this machine first."""
        return self._json("GET", "/v1/backends")["backends"]

    def set_up(
        self, backend: str, change: ServiceChange, key: str = "", agreed: Optional[bool] = None
    ) -> BackendEntry:
        """Changes a service's settings, its key (empty: stays) and the consent (None: stays), in an
        order in which a key only goes to the new address. The service as it is then."""
        path = "/v1/backends/" + backend
        entry = self._json("PUT", path, change)
        if key:
            entry = self._json("PUT", path + "/key", {"key": key})
        if agreed is not None:
            entry = self._json("POST", path + "/consent", {"agreed": agreed})
        return entry

    def forget_key(self, backend: str) -> BackendEntry:
        return self._json("DELETE", f"/v1/backends/{backend}/key")

    def check_backend(self, backend: str) -> list:
        """The models of a service whose address and key work; raises what is wrong with them."""
        return self._json("POST", f"/v1/backends/{backend}/check", {})["models"]

    def warm(self, model: str) -> None:
        """Lets the engine start and read a model, so that the first job need not wait for that."""
        self._json("POST", "/v1/engine/start", {"model": model})

    def plan(self, request: PlanRequest) -> Plan:
        return self._json("POST", "/v1/plan", request)

    def has(self, blob: str) -> bool:
        """Whether the server has a picture, which it keeps for a while from now on."""
        status, _headers, _body = self._exchange("HEAD", "/v1/blobs/" + blob, accept=(200, 404))
        return status != 404

    def send(self, pixels: wire.Pixels) -> str:
        """Sends pixels that the server does not have yet; their blob id."""
        blob = pixels.blob_id
        if not self.has(blob) and not self._shared(pixels):
            self._exchange(
                "PUT",
                "/v1/blobs",
                pixels.data,
                {"Content-Type": pixels.content_type},
                seconds=PIXELS_SECONDS,
            )
        return blob

    def _shared(self, pixels: wire.Pixels) -> bool:
        """Whether the server has the pixels by way of a file that it lends to programs on its own
        machine. It is opened and never made: where a sandbox shows another folder there is none."""
        if not self._shares or len(pixels.data) < SHARED_BYTES:
            return False
        wanted = {"format": pixels.format, "width": pixels.width, "height": pixels.height}
        try:
            lent = self._json("POST", "/v1/shared", wanted)
            flags = os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
            with open(os.open(str(lent["path"]), flags), "wb", buffering=0) as file:
                _refuse_all_but_empty(file.fileno())
                left = memoryview(pixels.data)
                while left:
                    left = left[file.write(left) :]
            taken = self._json("PUT", "/v1/shared/" + str(lent["name"]), seconds=PIXELS_SECONDS)
        except (OSError, KeyError, ServerRefused):
            self._shares = False  # it is sent, and so are the next ones
            return False
        return taken.get("id") == pixels.blob_id

    def start_job(self, request: JobRequest) -> str:
        return self._json("POST", "/v1/jobs", request)["id"]

    def job(self, job_id: str) -> Snapshot:
        return self._json("GET", "/v1/jobs/" + job_id)

    def address_of(self, job_id: str, index: int = 0) -> str:
        """Where a job's picture can be fetched."""
        return f"{self.url}/v1/jobs/{job_id}/images/{index}"

    def cancel(self, job_id: str) -> None:
        self._json("DELETE", "/v1/jobs/" + job_id)

    def finish(self, job_id: str) -> None:
        """Stop and keep: the running job gives what it has."""
        self._json("POST", f"/v1/jobs/{job_id}/finish", {})

    def move_next(self, job_id: str) -> None:
        """A waiting job is to be the next one."""
        self._json("PATCH", "/v1/jobs/" + job_id, {"position": "next"})

    def history(self, **query: str) -> Jobs:
        """Jobs that were, newest first, and where the next page begins: GET /v1/jobs."""
        given = {name: value for name, value in query.items() if value}
        return self._json("GET", "/v1/jobs?" + urlencode(given))

    def preview(self, job_id: str) -> bytes:
        """The newest preview, as a JPEG file."""
        _status, _headers, body = self._exchange("GET", f"/v1/jobs/{job_id}/preview")
        return bytes(body)

    def thumbnail(self, job_id: str, index: int, side: int) -> bytes:
        """A result of at most so many px, as a PNG file."""
        path = f"/v1/jobs/{job_id}/images/{index}?thumbnail={side}"
        _status, _headers, body = self._exchange("GET", path, headers={"Accept": "image/png"})
        return bytes(body)

    def picture(self, job_id: str, index: int) -> wire.Pixels:
        return self._pixels(f"/v1/jobs/{job_id}/images/{index}")

    def mask(self, job_id: str) -> wire.Pixels:
        """The mask as the server used it: grown and feathered."""
        return self._pixels(f"/v1/jobs/{job_id}/mask")

    def stage(self, job_id: str, index: int) -> wire.Pixels:
        """One of an observed job's stages."""
        return self._pixels(f"/v1/jobs/{job_id}/stages/{index}")

    def contact_sheet(self, job_id: str) -> bytes:
        """All stages of an observed job on one picture, as a PNG file."""
        path = f"/v1/jobs/{job_id}/contact-sheet"
        _status, _headers, body = self._exchange("GET", path, seconds=PIXELS_SECONDS)
        return bytes(body)

    def shutdown(self) -> None:
        self._json("POST", "/v1/shutdown", {})

    def follow(self, job_id: str, tell: Tell) -> Snapshot:
        """Waits for the end of a job; its last snapshot. `tell(event, data)` hears of every event.
        Raises JobFailed, or ServerUnreachable when the server stays away."""
        last_id = ""
        lost_at: Optional[float] = None
        while True:
            try:
                for event, event_id, data in self._events(job_id, last_id):
                    lost_at = None
                    last_id = event_id or last_id
                    if event in wire.FINAL:
                        return _succeeded(data)
                    tell(event, data)
                snapshot = self.job(job_id)  # a stream without an end means: ask the job
                if snapshot["status"] in wire.FINAL:
                    return _succeeded(snapshot)
                lost_at = None
            except ServerUnreachable:
                lost_at = lost_at or time.monotonic()
                if time.monotonic() - lost_at > GONE_SECONDS:
                    raise
            threading.Event().wait(RETRY_SECONDS)

    def _events(self, job_id: str, last_id: str) -> Iterator[Tuple[str, str, Any]]:
        """(event, id, data) from the job's stream until it ends or breaks off."""
        headers = {"Accept": "text/event-stream"}
        if last_id:
            headers["Last-Event-ID"] = last_id
        if not self._proven:
            self._prove()
        connection = self._connection(SILENCE_SECONDS)
        try:
            answer = self._ask(connection, "GET", f"/v1/jobs/{job_id}/events", None, headers)
            if answer.status != 200:
                raise self._refusal(answer.status, answer.read())
            yield from _parsed(answer)
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error) from error
        finally:
            connection.close()

    def _pixels(self, path: str) -> wire.Pixels:
        _status, headers, body = self._exchange(
            "GET", path, headers={"Accept": wire.RAW_TYPE}, seconds=PIXELS_SECONDS
        )
        try:
            return wire.Pixels.from_answer(headers.get("Content-Type", ""), body)
        except ValueError as error:
            raise ServerUnreachable(
                _("The server sent a damaged picture: {reason}").format(reason=error),
                _("Update the server and the plug-in to the same version."),
                "bad_answer",
            ) from error

    def _json(
        self, method: str, path: str, body: Any = None, seconds: float = ANSWER_SECONDS
    ) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {} if body is None else {"Content-Type": "application/json"}
        _status, _headers, answer = self._exchange(method, path, data, headers, seconds)
        return self._parsed(answer)

    def _parsed(self, answer: wire.Raw) -> Dict[str, Any]:
        try:
            parsed = texts.readable(json.loads(answer))
        except ValueError:
            parsed = None
        if not isinstance(parsed, dict):
            raise self._stranger()
        return parsed

    def _exchange(
        self,
        method: str,
        path: str,
        body: Optional[wire.Raw] = None,
        headers: Optional[Dict[str, str]] = None,
        seconds: float = ANSWER_SECONDS,
        accept: Tuple[int, ...] = (),
        open_to: bool = False,
    ) -> Tuple[int, Any, bytearray]:
        """One call: status, headers, body. Raises ServerRefused for a status of 400 or more that is
        not in `accept`. `open_to`: a call without the token, to whoever answers."""
        if not (open_to or self._proven):
            self._prove()
        connection = self._kept_connection(seconds) or self._connection(seconds)
        stays = False
        try:
            answer = self._ask(connection, method, path, body, headers or {})
            data = _body(answer)
            taken = answer.status < 400 or answer.status in accept
            stays = taken and not answer.will_close and answer.isclosed()
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error) from error
        finally:
            if stays:
                self._kept.append((time.monotonic(), connection))
            else:
                connection.close()
        if answer.status >= 300 and answer.status not in accept:
            raise self._refusal(answer.status, data)
        return answer.status, answer.headers, data

    def _kept_connection(self, seconds: float) -> Optional[http.client.HTTPConnection]:
        """The connection of an earlier call, where the server has not closed it meanwhile."""
        while self._kept:
            try:
                since, connection = self._kept.pop()
            except IndexError:  # another thread was faster
                return None
            try:
                closed = bool(select.select([connection.sock], [], [], 0)[0])
            except (OSError, ValueError):
                closed = True
            if closed or time.monotonic() - since > KEPT_SECONDS:
                connection.close()
                continue
            connection.sock.settimeout(seconds)
            return connection
        return None

    def _connection(self, seconds: float) -> http.client.HTTPConnection:
        connection = self._new_connection()
        try:
            connection.connect()
        except (OSError, UnicodeError) as error:
            raise self._unreachable(error) from error
        connection.sock.settimeout(seconds)
        return connection

    def _new_connection(self) -> http.client.HTTPConnection:
        if self._tls and self._fingerprint:
            place = (self._host, self._port, self._fingerprint)
            return other_machine.Connection(*place, timeout=CONNECT_SECONDS)
        kind = http.client.HTTPSConnection if self._tls else http.client.HTTPConnection
        return kind(self._host, self._port, timeout=CONNECT_SECONDS)

    def _ask(self, connection, method, path, body, headers) -> http.client.HTTPResponse:
        if self.token and self._proven:
            headers = {**headers, "Authorization": "Bearer " + self.token}
        try:
            connection.request(method, path, body, headers)
        except (BrokenPipeError, ConnectionResetError):
            # A server that refuses a body may answer and close before it has read all of it.
            return connection.getresponse()
        return connection.getresponse()

    def _refusal(self, status: int, body: wire.Raw) -> PluginError:
        try:
            error = texts.readable(json.loads(body))["error"]
            code, message, hint = error["code"], error["message"], error.get("hint", "")
        except (ValueError, KeyError, TypeError):
            return self._stranger()
        if status == 401:
            return self._not_taken()
        return ServerRefused(status, failure_words.told(message), failure_words.told(hint), code)

    def _not_taken(self) -> ServerRefused:
        return ServerRefused(
            401,
            _("The server at {url} rejected the access token.").format(url=self.url),
            _(
                "Set the server's token in Filters > Pentimento > Setup > Server, or clear it "
                "there."
            ),
            "unauthorized",
        )

    def _unreachable(self, error: Exception) -> ServerUnreachable:
        self._proven = not self.token  # who answers next may be another one
        while self._kept:
            self._kept.pop()[1].close()
        reason = getattr(error, "strerror", None) or str(error).strip() or type(error).__name__
        if isinstance(error, (TimeoutError, socket.timeout)):
            reason = _("it does not answer in time")
        return ServerUnreachable(
            _("The Pentimento server at {url} can't be reached: {reason}").format(
                url=self.url, reason=reason
            ),
            _("Start it, or check its address, in Filters > Pentimento > Setup > Server."),
            "unreachable",
        )

    def _stranger(self) -> ServerUnreachable:
        return ServerUnreachable(
            _("What answers at {url} is not a Pentimento server.").format(url=self.url),
            _("Check the address in Filters > Pentimento > Setup > Server."),
            "not_pentimento",
        )


def _refuse_all_but_empty(number: int) -> None:
    """Whatever a server says, nothing that is somebody's is written over."""
    found = os.fstat(number)
    if not stat.S_ISREG(found.st_mode) or found.st_size or found.st_uid != os.getuid():
        raise OSError("not an empty file of this user")


def _body(answer: http.client.HTTPResponse) -> bytearray:
    """The whole body, read into place: http.client itself would hold a large one twice."""
    if answer.length is None:
        return bytearray(answer.read())
    data = bytearray(answer.length)
    view, done = memoryview(data), 0
    while done < len(data):
        count = answer.readinto(view[done:])
        if not count:
            raise http.client.IncompleteRead(bytes(view[:done][:64]), len(data) - done)
        done += count
    answer.close()  # an empty body is not known to have ended, and the connection may be kept
    return data


def _parsed(lines: Iterator[bytes]) -> Iterator[Tuple[str, str, Any]]:
    """Server-Sent Events from the lines of a stream."""
    event, event_id = "message", ""
    data: List[str] = []
    for raw in lines:
        line = raw.decode("utf-8").rstrip("\r\n")
        if not line:
            if data:
                yield event, event_id, texts.readable(json.loads("\n".join(data)))
            event, data = "message", []
            continue
        name, _colon, value = line.partition(":")
        value = value[1:] if value.startswith(" ") else value
        if name == "event":
            event = value
        elif name == "id":
            event_id = value
        elif name == "data":
            data.append(value)


def no_lists() -> Lists:
    """What there is to choose from before a server has told it."""
    names = ("models", "loras", "controlnets", "vaes", "embeddings", "ip_adapters", "upscalers")
    empty: Any = {name: [] for name in (*names, "wildcards", "styles")}
    return empty


NO_REASON: ErrorParts = {"code": "", "message": "", "hint": "", "details": {}}


def _succeeded(snapshot: Snapshot) -> Snapshot:
    if snapshot["status"] == wire.SUCCEEDED:
        return snapshot
    if snapshot["status"] == wire.CANCELLED:
        raise JobFailed(_("The job was cancelled on the server."), "", "cancelled")
    error = snapshot.get("error") or NO_REASON
    raise JobFailed(
        failure_words.told(error.get("message") or "") or _("The job failed on the server."),
        failure_words.told(error.get("hint") or "")
        or _("The server's log tells more; see Filters > Pentimento > Setup > Doctor."),
        error.get("code", ""),
    )
