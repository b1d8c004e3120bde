"""The line to one service for one job: HTTP that neither pays twice, nor waits for ever, nor is led
astray.

What may be repeated follows from what is known of the outcome: a request that was never delivered,
or refused without work, may; one whose outcome is unknown may not, unless the service takes an
idempotency key. Every answer is limited in size and time, redirects are not followed, TLS is always
verified, and neither keys nor answers get into errors or logs.
"""

from __future__ import annotations

import json
import os
import ssl
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from pentimento import __version__
from pentimento.backends.remote.addresses import origin
from pentimento.backends.remote.guard import NotPublic, public_session
from pentimento.backends.remote.problems import RemoteProblem, problem
from pentimento.errors import Cancelled

MOST_BYTES = 64 * 2**20  # of an answer
CHUNK = 2**16
CONNECT_SECONDS = 10.0
READ_SECONDS = 120.0  # between two parts of an answer; pictures take their time
TRIES = 4
PAUSES = (0.5, 1.0, 2.0)  # s before the second, third and fourth try
LONGEST_WAIT = 20.0  # s; a service that asks for a longer one is told of instead
HOPS = 3  # redirects of a result's address
WITHDRAW_SECONDS = 5.0
MEANINGS = {
    401: "key_refused",
    402: "payment_required",
    403: "key_refused",
    429: "rate_limited",
    502: "service_unavailable",
    503: "service_unavailable",
}


class _NotDelivered(Exception):
    """The service has certainly not got the request."""


class _Unknown(Exception):
    """The request may have been delivered, and what became of it is not known."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`headers` has lower-case names. Nothing of it may be shown to people or logged."""

    status: int
    headers: dict[str, str]
    body: bytes
    _bad: Callable[[], RemoteProblem]

    def json(self) -> Any:
        """Raises bad_answer for what is not JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            raise self._bad() from None

    def find(self, *path: str | int) -> Any:
        """The value at a path in the JSON, for example `find("data", 0, "url")`. Raises bad_answer
        where there is none."""
        found = self.json()
        for part in path:
            try:
                found = found[part]
            except (KeyError, IndexError, TypeError):
                raise self._bad() from None
        return found

    @property
    def retry_after(self) -> float | None:
        """Seconds; None where the service does not say, or says it as a date."""
        try:
            return max(0.0, float(self.headers["retry-after"]))
        except (KeyError, ValueError):
            return None


@dataclass(frozen=True, slots=True)
class Address:
    """Where a service is and who it is. `headers` carry the key."""

    id: str
    title: str
    base_url: str
    headers: dict[str, str]
    native_size: int = 0
    extras: bool = False  # the server takes more than the service's own API says
    idempotency: bool = False


class Line:
    """For one job, used from one thread; `stop` and `deadline` (of `time.monotonic`) end it."""

    def __init__(
        self,
        address: Address,
        meaning: Callable[[Answer], str | None],
        deadline: float,
        *,
        stop: threading.Event | None = None,
        say: Callable[[str, float | None], None] = lambda message, progress: None,
    ) -> None:
        self.address = address
        self.accepted = False  # the service took an order: it may cost its price
        self.uncertain = False  # an order's outcome is not known
        self._meaning = meaning
        self._deadline = deadline
        self._stop = stop or threading.Event()
        self._say = say
        self._session = requests.Session()
        self._session.trust_env = False  # a .netrc would replace the key
        self._session.proxies.update(requests.utils.get_environ_proxies(address.base_url))
        self._session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or True
        self._session.headers["User-Agent"] = f"pentimento/{__version__}"
        self._undo: tuple[str, str] | None = None

    def close(self) -> None:
        self._session.close()

    def cut(self) -> None:
        """From another thread: the job is cancelled."""
        self._stop.set()
        if self._undo:
            self.withdraw(*self._undo)

    # What adapters call

    def order(self, path: str, *, undo: tuple[str, str] | None = None, **body: Any) -> Answer:
        """POSTs what may cost money: `json`, or `data` and `files` (a form), `headers`, `params`.

        Answers a success only; raises the refusal's problem, or outcome_unknown. `undo` is the
        method and path that stop it there when the job is cancelled meanwhile.
        """
        self._undo = undo
        if self.address.idempotency:
            body["headers"] = (body.get("headers") or {}) | {"Idempotency-Key": uuid.uuid4().hex}
        for number in range(TRIES):
            try:
                answer = self._send("POST", self._url(path), **body)
            except _NotDelivered:
                self._wait_or_fail(number, "service_unavailable")
                continue
            except _Unknown:
                self.uncertain = True
                if not self.address.idempotency:
                    raise self.problem("outcome_unknown") from None
                self._wait_or_fail(number, "outcome_unknown")
                continue
            if answer.status < 400:
                return self._taken(answer)
            if not self._may_order_again(answer, number):
                raise self._refusal(answer)
        raise AssertionError("the last try has answered or raised")

    def look(self, path: str, *, params: dict[str, str] | None = None) -> Answer:
        """GETs what costs nothing; repeated while it makes sense."""
        lost = "outcome_unknown" if self.accepted else "service_unavailable"
        for number in range(TRIES):
            try:
                answer = self._send("GET", self._url(path), params=params)
            except (_NotDelivered, _Unknown):
                self._wait_or_fail(number, lost)
                continue
            if answer.status < 400:
                return self._not_elsewhere(answer)
            if answer.status not in (429, 500, 502, 503, 504) or number == TRIES - 1:
                raise self._refusal(answer)
            self.pause(min(answer.retry_after or PAUSES[number], LONGEST_WAIT))
        raise AssertionError("the last try has answered or raised")

    def withdraw(self, method: str, path: str, **body: Any) -> None:
        """Takes an order back, as far as the service can; what goes wrong changes nothing."""
        try:
            self._session.request(
                method,
                self._url(path),
                headers=self.address.headers,
                timeout=WITHDRAW_SECONDS,
                allow_redirects=False,
                **body,
            ).close()
        except (requests.RequestException, HTTPError, RemoteProblem):
            self.uncertain = True

    def fetch(self, url: str) -> bytes:
        """A result picture from an address that the service told: at its own place, or public and
        https. The key does not go along. Raises unsafe_url, bad_answer, outcome_unknown."""
        if self._is_own(url):
            return self._fetched(self._session, url, hops=0)
        session = public_session()
        try:
            return self._fetched(session, url, hops=HOPS)
        finally:
            session.close()

    def pause(self, seconds: float) -> None:
        """Waits; raises Cancelled when the job is, outcome_unknown when its time is up."""
        left = self._deadline - time.monotonic()
        if self._stop.wait(max(0.0, min(seconds, left))):
            raise Cancelled
        if seconds >= left:
            raise self._too_late()

    def say(self, message: str, progress: float | None = None) -> None:
        """What the user sees meanwhile; `progress` 0..1."""
        self._say(message, progress)

    def problem(self, code: str, **details: Any) -> RemoteProblem:
        return problem(code, self.address.id, self.address.title, **details)

    # Inside

    def _url(self, path: str) -> str:
        """A path below the base address, or a whole address that has the same origin."""
        if "://" not in path:
            return self.address.base_url.rstrip("/") + "/" + path.lstrip("/")
        if not self._is_own(path):
            raise self.problem("unsafe_url")
        return path

    def _is_own(self, url: str) -> bool:
        return origin(url) == origin(self.address.base_url)

    def _send(self, method: str, url: str, **options: Any) -> Answer:
        headers = self.address.headers | (options.pop("headers", None) or {})
        return self._exchange(self._session, method, url, headers=headers, **options)

    def _exchange(self, session: requests.Session, method: str, url: str, **options: Any) -> Answer:
        if self._stop.is_set():
            raise Cancelled
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise self._too_late()
        timeout = (min(CONNECT_SECONDS, left), min(READ_SECONDS, left))
        try:
            with session.request(
                method, url, timeout=timeout, stream=True, allow_redirects=False, **options
            ) as response:
                body = self._body(response)
                headers = {name.lower(): value for name, value in response.headers.items()}
                return Answer(response.status_code, headers, body, self._bad_answer)
        except NotPublic:
            raise self.problem("unsafe_url") from None
        except (requests.RequestException, HTTPError) as error:
            raise (_NotDelivered() if never_delivered(error) else _Unknown()) from None

    def _body(self, response: requests.Response) -> bytes:
        """Read by what has come, so that a service that drips is noticed at the deadline."""
        parts, size = [], 0
        while part := response.raw.read1(CHUNK, decode_content=True):
            size += len(part)
            if size > MOST_BYTES:
                raise self._answered_badly(response)
            if self._stop.is_set():
                raise Cancelled
            if time.monotonic() > self._deadline:
                raise _Unknown
            parts.append(part)
        return b"".join(parts)

    def _answered_badly(self, response: requests.Response) -> RemoteProblem:
        self.accepted = self.accepted or response.status_code < 400
        return self._bad_answer()

    def _taken(self, answer: Answer) -> Answer:
        self.accepted, self.uncertain = True, False
        return self._not_elsewhere(answer)

    def _not_elsewhere(self, answer: Answer) -> Answer:
        if 300 <= answer.status < 400:
            raise self._bad_answer()
        return answer

    def _may_order_again(self, answer: Answer, number: int) -> bool:
        """Refused without work, and with a time after which it will be taken."""
        wait = answer.retry_after
        if answer.status not in (429, 503) or wait is None or wait > LONGEST_WAIT:
            return False
        if number == TRIES - 1 or self._meaning(answer) is not None:
            return False
        self.say("Waiting for its turn")
        self.pause(wait)
        return True

    def _refusal(self, answer: Answer) -> RemoteProblem:
        code = self._meaning(answer) or MEANINGS.get(answer.status, "service_error")
        if answer.status >= 500 and answer.status != 503:
            self.uncertain = True
        return self.problem(code, status=answer.status, retry_after=answer.retry_after)

    def _wait_or_fail(self, number: int, code: str) -> None:
        if number == TRIES - 1:
            raise self.problem(code)
        self.pause(PAUSES[number])

    def _fetched(self, session: requests.Session, url: str, *, hops: int) -> bytes:
        for number in range(TRIES):
            try:
                answer = self._exchange(session, "GET", self._safe(session, url))
            except (_NotDelivered, _Unknown):
                self._wait_or_fail(number, "outcome_unknown")
                continue
            if answer.status in (301, 302, 303, 307, 308) and hops:
                return self._fetched(
                    session, urljoin(url, answer.headers.get("location", "")), hops=hops - 1
                )
            if answer.status == 200:
                return answer.body
            if answer.status < 500 or number == TRIES - 1:
                raise self._bad_answer()
            self.pause(PAUSES[number])
        raise AssertionError("the last try has answered or raised")

    def _safe(self, session: requests.Session, url: str) -> str:
        """Raises unsafe_url for what is not https, unless it is the service's own place."""
        try:
            parts = urlsplit(url)
        except ValueError:
            raise self.problem("unsafe_url") from None
        own = session is self._session and self._is_own(url)
        if not own and (parts.scheme != "https" or parts.username or not parts.hostname):
            raise self.problem("unsafe_url")
        return url

    def _bad_answer(self) -> RemoteProblem:
        return self.problem("bad_answer")

    def _too_late(self) -> RemoteProblem:
        """After an order nobody knows; before one, nothing was made."""
        known = not (self.accepted or self.uncertain)
        return self.problem("service_unavailable" if known else "outcome_unknown")


def never_delivered(error: BaseException) -> bool:
    """Whether the connection never stood: then no byte of the request has left."""
    seen: list[BaseException] = [error]
    for found in seen:
        if isinstance(
            found,
            NewConnectionError
            | ConnectTimeoutError
            | requests.ConnectTimeout
            | ssl.SSLCertVerificationError
            | requests.exceptions.ProxyError
            | requests.exceptions.InvalidURL
            | requests.exceptions.InvalidSchema,
        ):
            return True
        inner = [*found.args, getattr(found, "reason", None), found.__cause__]
        seen += [one for one in inner if isinstance(one, BaseException) and one not in seen]
    return False
