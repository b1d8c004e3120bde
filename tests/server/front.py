"""A running front process and a plain HTTP client for it, for tests."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

HERE = Path(__file__).resolve().parent
REPO = HERE.parents[1]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(REPO / "server"), "OMP_WAIT_POLICY": "passive"}
FINAL = ("succeeded", "failed", "cancelled")


def until(look: Callable[[], T], seconds: float = 60) -> T:
    """The first true answer of `look`; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"nothing after {seconds} s; last seen {found!r}"
        time.sleep(0.02)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """Of an error; checks that it is a whole error body without a trace."""
        error = self.json["error"]
        assert set(error) == {"code", "message", "hint", "details"}, error
        assert error["message"]
        assert b"Traceback" not in self.body
        assert b".py" not in self.body
        return error["code"]


@dataclass
class Event:
    id: int
    name: str
    data: Any


@dataclass
class Stream:
    """An open event stream."""

    connection: http.client.HTTPConnection
    response: http.client.HTTPResponse
    comments: int = 0
    seen: list[Event] = field(default_factory=list)

    def next(self) -> Event | None:
        """The next event; None at the end of the stream."""
        parts: dict[str, str] = {}
        while line := self.response.readline():
            text = line.decode().rstrip("\n")
            if text.startswith(":"):
                self.comments += 1
            elif text:
                name, _, value = text.partition(": ")
                parts[name] = value
            elif parts:
                event = Event(int(parts["id"]), parts["event"], json.loads(parts["data"]))
                self.seen.append(event)
                return event
        return None

    def comment(self, count: int) -> None:
        """Waits for so many comments, which keep the line alive, while no event comes."""
        while self.comments < count:
            line = self.response.readline()
            assert line.strip() == b"" or line.startswith(b":"), line
            self.comments += line.startswith(b":")

    def rest(self) -> list[Event]:
        """All further events up to the end."""
        events = []
        while event := self.next():
            events.append(event)
        return events

    def until(self, name: str) -> Event:
        while event := self.next():
            if event.name == name:
                return event
        raise AssertionError(f"no {name} in {[event.name for event in self.seen]}")


class Front:
    """`limits` starts the stand-in backend, None the real command with these options."""

    def __init__(self, data: Path, limits: dict[str, Any] | None, *options: str) -> None:
        self.data = data
        script = ["-m", "pentimento", "serve", "--port", "0", "--data-dir", str(data)]
        script += options
        if limits is not None:
            script = [str(HERE / "stand_in.py"), str(data), json.dumps(limits)]
        started = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, *script],
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout
        assert self.process.stderr
        self.line = self.process.stdout.readline()
        self.seconds_to_ready = time.monotonic() - started
        found = re.search(r"http://127\.0\.0\.1:(\d+)", self.line)
        assert found, self.process.stderr.read()
        self.port = int(found.group(1))
        self.token = json.loads((data / "server.json").read_text())["token"]

    def call(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Answer:
        """One call with the token; a dict or list as body is sent as JSON."""
        sent = {"Authorization": f"Bearer {self.token}"}
        if isinstance(body, dict | list):
            body = json.dumps(body).encode()
            sent["Content-Type"] = "application/json"
        return self.bare(method, path, body, sent | (headers or {}))

    def bare(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Answer:
        """One call with just these headers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            with suppress(BrokenPipeError, ConnectionResetError):  # it may answer early
                connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def blob(
        self, pixels: bytes, width: int, height: int, format: str = "rgba-u8"
    ) -> dict[str, str]:
        """Sends raw pixels; the reference for a job."""
        kind = f"application/x-pixels; format={format}; width={width}; height={height}"
        answer = self.call("PUT", "/v1/blobs", pixels, {"Content-Type": kind})
        assert answer.status in (200, 201), answer.body
        return {"blob": answer.json["id"]}

    def start(self, request: dict[str, Any], **headers: str) -> str:
        """The id of a new job."""
        answer = self.call("POST", "/v1/jobs", request, headers)
        assert answer.status == 202, answer.body
        return answer.json["id"]

    def job(self, job_id: str) -> dict[str, Any]:
        answer = self.call("GET", f"/v1/jobs/{job_id}")
        assert answer.status == 200, answer.body
        return answer.json

    def finished(self, job_id: str, seconds: float = 60) -> dict[str, Any]:
        """The snapshot of a job that has come to an end."""
        return until(lambda: (job := self.job(job_id))["status"] in FINAL and job, seconds)

    def running(self, job_id: str) -> dict[str, Any]:
        """The snapshot of a job that has done its first step."""
        return until(lambda: (job := self.job(job_id))["progress"]["step"] >= 1 and job)

    def idle(self) -> None:
        """Waits until no job runs."""
        until(lambda: self.call("GET", "/v1/status").json["queue"]["running"] is None)

    @contextmanager
    def events(self, job_id: str, last_id: int | None = None) -> Iterator[Stream]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {"Authorization": f"Bearer {self.token}"}
        if last_id is not None:
            headers["Last-Event-ID"] = str(last_id)
        connection.request("GET", f"/v1/jobs/{job_id}/events", headers=headers)
        response = connection.getresponse()
        assert response.status == 200, response.read()
        try:
            yield Stream(connection, response)
        finally:
            connection.close()

    def kill(self) -> None:
        """As a crash or the system would end it."""
        self.process.kill()
        self._collect()

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Exit code and stderr after a polite end, which takes no minute however busy all is."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self._collect()

    def _collect(self) -> tuple[int, str]:
        _, errors = self.process.communicate(timeout=60)
        return self.process.returncode, errors

    def log(self) -> str:
        return (self.data / "logs" / "server.log").read_text()
