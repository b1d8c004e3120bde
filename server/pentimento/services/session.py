"""HTTP session for one service job: retries only when safe, bounded in size and time, no redirects.

What may be repeated follows from what is known of the outcome: a request that was never delivered,
or refused without work, may; one whose outcome is unknown may not, unless the service takes an
idempotency key. TLS is always verified, and neither keys nor answers get into errors or logs. Waits
for services that take an order and answer later are here, too.
"""

from __future__ import annotations

import json
import logging
import os
import ssl
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urljoin, urlsplit

import requests
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from pentimento import __version__
from pentimento.core.errors import Cancelled
from pentimento.core.net import origin
from pentimento.core.public_http import NotPublic, public_session
from pentimento.services.problems import RemoteProblem, problem
from pentimento.services.records import Dialect, TokenPrices
from pentimento.services.refusals import by_status

FIRST_PAUSE, LONGEST_PAUSE, GROWTH = 0.5, 3.0, 1.5  # s between two looks

Found = TypeVar("Found")


def collect(
    line: ServiceSession, look: Callable[[], Found | None], undo: Callable[[], None] | None
) -> Found:
    """What `look()` finds once it is not None. `undo` takes the order back (`line.withdraw`) when
    the job is cancelled or its time is up; None where that cannot be done."""
    pause = FIRST_PAUSE
    try:
        while True:
            line.pause(pause)
            found = look()
            if found is not None:
                return found
            pause = min(pause * GROWTH, LONGEST_PAUSE)
    except (Cancelled, RemoteProblem):
        if undo:
            undo()
        raise


log = logging.getLogger(__name__)

MOST_BYTES = 64 * 2**20  # of an answer
MOST_PARTS = 200_000  # values in the JSON of an answer
CHUNK = 2**16
CONNECT_SECONDS = 10.0
READ_SECONDS = 120.0  # between two parts of an answer to a question
GLANCE_SECONDS = 2.0  # between two questions about an order that is being answered
TRIES = 4
PAUSES = (0.5, 1.0, 2.0)  # s before the second, third and fourth try
LONGEST_WAIT = 20.0  # s; a service that asks for a longer one is told of instead
HOPS = 3  # redirects of a result's address
WITHDRAW_SECONDS = 5.0
GONE = (404, 410)


class _NotDelivered(Exception):
    """The service has certainly not got the request."""


class _Unknown(Exception):
    """The request may have been delivered, and what became of it is not known."""


@dataclass(frozen=True, slots=True)
class ServiceAnswer:
    """`headers` has lower-case names. Nothing of it may be shown to people or logged."""

    status: int
    headers: dict[str, str]
    body: bytes
    _bad: Callable[[], RemoteProblem]

    def json(self) -> Any:
        """Raises bad_answer for what is not JSON, nested without end, or a flood of values."""
        if sum(self.body.count(mark) for mark in b"[{,") > MOST_PARTS:
            raise self._bad()
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
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
    origins: tuple[str, ...] = ()  # further places of the same service; the key may go there
    dialect: Dialect | None = None
    quality: str = ""  # of pictures; empty: the service decides
    tokens: TokenPrices | None = None  # by which the answer's count is paid


class ServiceSession:
    """For one job, used from one thread; `stop` and `deadline` (of `time.monotonic`) end it."""

    def __init__(
        self,
        address: Address,
        meaning: Callable[[ServiceAnswer], str | None],
        deadline: float,
        *,
        stop: threading.Event | None = None,
        say: Callable[[str, float | None], None] = lambda message, progress: None,
        show: Callable[[bytes, int], None] | None = None,
    ) -> None:
        self.address = address
        self.accepted = False  # the service took an order: it may cost its price
        self.uncertain = False  # an order's outcome is not known
        self._meaning = meaning
        self._deadline = deadline
        self._stop = stop or threading.Event()
        self._say, self._show = say, show
        self._shown = b""
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

    def order(
        self,
        path: str,
        *,
        undo: tuple[str, str] | None = None,
        glance: Callable[[ServiceSession], None] | None = None,
        **body: Any,
    ) -> ServiceAnswer:
        """POSTs what may cost money: `json`, or `data` and `files` (a form), `headers`, `params`.

        Answers a success only; raises the refusal's problem, or outcome_unknown. A service may send
        its first byte when the picture is done, so the answer has all the time that the deadline
        leaves. `undo` is the method and path that stop it there when the job is cancelled
        meanwhile; `glance` asks how far it is, over a line of its own, and may fail.
        """
        self._undo = undo
        if glance is None:
            return self._order(path, body)
        answered = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(glance, answered), daemon=True)
        watcher.start()
        try:
            return self._order(path, body)
        finally:
            answered.set()

    def _watch(self, glance: Callable[[ServiceSession], None], answered: threading.Event) -> None:
        line = ServiceSession(
            self.address,
            self._meaning,
            self._deadline,
            stop=self._stop,
            say=self._say,
            show=self._show,
        )
        try:
            while not answered.wait(GLANCE_SECONDS):
                glance(line)
        except (Cancelled, RemoteProblem) as error:
            log.debug("%s: no word of progress (%s)", self.address.id, type(error).__name__)
        finally:
            line.close()

    def _order(self, path: str, body: dict[str, Any]) -> ServiceAnswer:
        if self.address.idempotency:
            body["headers"] = (body.get("headers") or {}) | {"Idempotency-Key": uuid.uuid4().hex}
        for number in range(TRIES):
            try:
                answer = self._send("POST", self._url(path), whole=True, **body)
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

    def look(self, path: str, *, params: dict[str, str] | None = None) -> ServiceAnswer:
        """GETs what costs nothing; repeated while it makes sense. `path` may be a whole address
        at one of the service's own places."""
        return self._ask_for_nothing("GET", path, params=params)

    def hand_over(self, path: str, **body: Any) -> ServiceAnswer:
        """POSTs what an order needs and what costs nothing; like `look`, it may be repeated."""
        return self._ask_for_nothing("POST", path, **body)

    def _ask_for_nothing(self, method: str, path: str, **body: Any) -> ServiceAnswer:
        lost = "outcome_unknown" if self.accepted else "service_unavailable"
        for number in range(TRIES):
            try:
                answer = self._send(method, self._url(path), **body)
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

    def last_look(self, path: str) -> Any:
        """The JSON at a path, for a job that is cancelled already; None where there is none."""
        try:
            with self._session.get(
                self._url(path),
                headers=self.address.headers,
                timeout=WITHDRAW_SECONDS,
                allow_redirects=False,
            ) as response:
                return response.json() if response.status_code == 200 else None
        except (requests.RequestException, HTTPError, RemoteProblem, ValueError):
            return None

    def fetch(self, url: str) -> bytes:
        """A result picture from an address that the service told: at its own place, or public and
        https. The key does not go along. Raises unsafe_url, bad_answer, outcome_unknown."""
        if self._is_own(url):
            return self._fetched(self._session, url, hops=0)
        try:
            session = public_session(url)
        except ValueError:  # no address at all
            raise self.problem("unsafe_url") from None
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

    @property
    def shows(self) -> bool:
        """Whether somebody looks at previews."""
        return self._show is not None

    def show(self, picture: bytes, step: int) -> None:
        """What the picture looks like by now; the same one is shown once."""
        if self._show and picture != self._shown:
            self._shown = picture
            self._show(picture, step)

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
        places = (self.address.base_url, *self.address.origins)
        return origin(url) in [origin(place) for place in places]

    def _send(self, method: str, url: str, **options: Any) -> ServiceAnswer:
        headers = self.address.headers | (options.pop("headers", None) or {})
        return self._exchange(self._session, method, url, headers=headers, **options)

    def _exchange(
        self,
        session: requests.Session,
        method: str,
        url: str,
        *,
        whole: bool = False,
        **options: Any,
    ) -> ServiceAnswer:
        """`whole`: the answer may take all the time that is left, not only READ_SECONDS a part."""
        if self._stop.is_set():
            raise Cancelled
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise self._too_late()
        timeout = (min(CONNECT_SECONDS, left), left if whole else min(READ_SECONDS, left))
        try:
            with session.request(
                method, url, timeout=timeout, stream=True, allow_redirects=False, **options
            ) as response:
                body = self._body(response)
                headers = {name.lower(): value for name, value in response.headers.items()}
                return ServiceAnswer(response.status_code, headers, body, self._bad_answer)
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

    def _taken(self, answer: ServiceAnswer) -> ServiceAnswer:
        self.accepted, self.uncertain = True, False
        return self._not_elsewhere(answer)

    def _not_elsewhere(self, answer: ServiceAnswer) -> ServiceAnswer:
        if 300 <= answer.status < 400:
            raise self._bad_answer()
        return answer

    def _may_order_again(self, answer: ServiceAnswer, number: int) -> bool:
        """Refused without work, and with a time after which it will be taken."""
        wait = answer.retry_after
        if answer.status not in (429, 503) or wait is None or wait > LONGEST_WAIT:
            return False
        if number == TRIES - 1 or self._meaning(answer) is not None:
            return False
        self.say("Waiting for its turn")
        self.pause(wait)
        return True

    def _refusal(self, answer: ServiceAnswer) -> RemoteProblem:
        code = self._meaning(answer) or by_status(answer.status)
        if self.accepted and answer.status in GONE:
            code = "order_lost"
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
