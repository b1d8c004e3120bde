"""One server as a place to call: who it is, connections that are kept, answers and refusals,
streams of events. What there is to call is in client.py. Knows nothing of GIMP.

http.client takes no notice of proxy settings, which is right for a server on this machine. Every
wait has a deadline; every failure is a PluginError with a sentence.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import secrets
import select
import socket
import time
from typing import Any, Dict, Iterator, List, Optional, Tuple
from urllib.parse import urlsplit

import failure_words
import other_machine
import texts
import wire
from errors import PluginError, ServerRefused, ServerUnreachable
from i18n import _

CONNECT_SECONDS = 5
HEALTH_SECONDS = 8
ANSWER_SECONDS = 30
SILENCE_SECONDS = 15  # an event stream sends at least a comment every 5 s
KEPT_SECONDS = 8  # a connection without a call; the server closes it after 15 s
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Transport:
    """The server at `url`. A connection is kept from one call to the next; each call has one of its
    own while it lasts, so that threads do not meet."""

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
