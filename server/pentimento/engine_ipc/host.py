"""The front's handle on one engine process: start it, talk to it, notice its end. No torch here."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pentimento
from pentimento.core.errors import Cancelled, JobFailed
from pentimento.core.settings import EngineOptions
from pentimento.engine_ipc import messages
from pentimento.engine_ipc.messages import EngineJob, ModelSpec
from pentimento.schema.task import Emit

LOG_LIMIT = 5 * 1024 * 1024  # bytes; a longer log is started anew
TAIL_LINES = 12
GOODBYE = 5.0  # s an engine gets to leave by itself
DROPPED_PREFIXES = ("PYTHON", "GI_", "GIMP", "LD_PRELOAD", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")


@dataclass(frozen=True, slots=True)
class Patience:
    """After how many seconds the front gives up on an engine."""

    start: float = 300.0  # until it says hello; importing torch from a cold disk takes long
    silence: float = 60.0  # without any message while a job runs; heartbeats come every second
    stall: float = 1800.0  # without passing a single block of a network


@dataclass(slots=True)
class _Running:
    emit: Emit
    done: asyncio.Future[dict[str, Any]]


@dataclass(slots=True)
class _Pulse:
    """The last signs of life, in loop time."""

    heard: float
    moved: float
    passed: int = 0
    state: dict[str, Any] = field(default_factory=dict)


class EngineChild:
    """One process; once it has ended a new object is needed. Use from one event loop only."""

    def __init__(
        self, process: asyncio.subprocess.Process, log: Path, log_start: int, patience: Patience
    ) -> None:
        now = asyncio.get_running_loop().time()
        self._process = process
        self._log, self._log_start = log, log_start
        self._patience = patience
        self._pulse = _Pulse(now, now)
        self._running: dict[str, _Running] = {}
        self._hello: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._kills_before = _oom_kills()
        self._hung = False
        self._stopping = False
        self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._watch())]

    @classmethod
    async def start(
        cls, log: Path, patience: Patience, python: str, options: EngineOptions | None = None
    ) -> EngineChild:
        """Starts a process and waits for its hello; raises JobFailed, usually
        engine_start_failed."""
        log.parent.mkdir(parents=True, exist_ok=True)
        if log.exists() and log.stat().st_size > LOG_LIMIT:
            log.replace(log.with_suffix(".log.1"))
        with log.open("ab") as stderr:
            start = stderr.tell()
            try:
                process = await asyncio.create_subprocess_exec(
                    python,
                    *("-P", "-s", "-m", "pentimento.engine.process"),
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=stderr,
                    env=clean_environment() | (options or EngineOptions()).environment(),
                    cwd=log.parent,
                    start_new_session=True,  # Ctrl+C in a terminal reaches the front alone
                )
            except OSError as error:
                raise _start_failed(f"{python} cannot be run ({error.strerror})", []) from error
        child = cls(process, log, start, patience)
        try:
            await asyncio.wait_for(asyncio.shield(child._hello), patience.start)
        except TimeoutError:
            tail = child._tail()
            await child.stop()
            raise _start_failed(f"it did not answer within {patience.start:g} s", tail) from None
        except BaseException:
            await child.stop()
            raise
        return child

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it can take a job."""
        ended = self._process.returncode is not None or self._tasks[0].done()
        return not ended and not self._stopping

    @property
    def busy(self) -> bool:
        return bool(self._running)

    def computes(self, job_id: str) -> bool:
        return job_id in self._running

    @property
    def facts(self) -> dict[str, Any]:
        """What it said of itself: device, memory_mb, loaded, versions."""
        hello = self._hello.result() if self._hello.done() else {}
        return hello | self._pulse.state

    async def compute(self, job: EngineJob, emit: Emit) -> dict[str, Any]:
        """Runs a job to its end; raises Cancelled or JobFailed."""
        job_id = job.task.job_id
        loop = asyncio.get_running_loop()
        self._pulse.heard = self._pulse.moved = loop.time()
        running = _Running(emit, loop.create_future())
        self._running[job_id] = running
        try:
            await self._send({"type": "run", "job": messages.job_to_json(job)})
            return await running.done
        except asyncio.CancelledError:
            await self.cancel(job_id)
            raise
        finally:
            self._running.pop(job_id, None)

    async def warm(self, model: ModelSpec) -> None:
        """Lets it read a model's weights before a job wants them; a job for another model ends
        that. Whether it did, its state tells."""
        await self._send({"type": "warm", "model": messages.spec_to_json(model)})

    async def cancel(self, job_id: str) -> None:
        await self._send({"type": "cancel", "job_id": job_id})

    async def finish(self, job_id: str) -> None:
        """Asks for what a job has so far."""
        await self._send({"type": "finish", "job_id": job_id})

    async def stop(self) -> None:
        """Ends the process, politely first, and waits for it."""
        self._stopping = True
        await self._end()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _send(self, message: messages.Message) -> None:
        """A dead engine is noticed by the reader, so a broken pipe is no news here."""
        if self._process.stdin is None:
            return
        with suppress(ConnectionError):
            self._process.stdin.write(messages.pack_frame(message))
            await self._process.stdin.drain()

    async def _read(self) -> None:
        assert self._process.stdout is not None
        try:
            while True:
                header = await self._process.stdout.readexactly(messages.HEADER.size)
                text, binary = messages.frame_lengths(header)
                body = await self._process.stdout.readexactly(text + binary)
                self._handle(messages.unpack_frame(body[:text]), body[text:])
        except (asyncio.IncompleteReadError, messages.BrokenStream, ConnectionError):
            await self._end()
        finally:
            self._bury()

    def _handle(self, message: messages.Message, binary: bytes) -> None:
        now = asyncio.get_running_loop().time()
        self._pulse.heard = now
        match message["type"]:
            case "hello":
                self._hello.set_result({k: v for k, v in message.items() if k != "type"})
            case "refused":
                self._hello.set_exception(messages.error_from_json(message["error"]))
            case "beat":
                self._feel(message, now)
            case _:
                self._pulse.moved = now
                self._pulse.state = message.get("state", self._pulse.state)
                running = self._running.get(message["job_id"])
                if running and not running.done.done():
                    self._deliver(running, message, binary)

    def _feel(self, beat: messages.Message, now: float) -> None:
        if beat["passed"] != self._pulse.passed:
            self._pulse.passed, self._pulse.moved = beat["passed"], now
        self._pulse.state = {key: beat[key] for key in ("memory_mb", "loaded", "memory")}

    def _deliver(self, running: _Running, message: messages.Message, binary: bytes) -> None:
        match message["type"]:
            case "event":
                try:
                    running.emit(messages.event_from_json(message, binary))
                except Exception as error:  # the queue's own failure belongs to its job
                    running.done.set_exception(error)
            case "done":
                running.done.set_result(message["facts"])
            case "cancelled":
                running.done.set_exception(Cancelled())
            case "failed":
                running.done.set_exception(messages.error_from_json(message["error"]))

    async def _watch(self) -> None:
        """Kills an engine that hangs; looks twice, as the front itself may have been late."""
        pause = max(0.05, min(1.0, self._patience.silence / 4))
        suspicious = False
        while self._process.returncode is None and not self._tasks[0].done():
            await asyncio.wait([self._tasks[0]], timeout=pause)
            before, suspicious = suspicious, self.busy and self._seems_hung()
            if before and suspicious:
                self._hung = True
                self._kill()
                return

    def _seems_hung(self) -> bool:
        now = asyncio.get_running_loop().time()
        silent = now - self._pulse.heard > self._patience.silence
        stalled = now - self._pulse.moved > self._patience.stall
        return silent or stalled

    async def _end(self) -> None:
        self._hang_up()
        try:
            await asyncio.wait_for(self._process.wait(), GOODBYE)
        except TimeoutError:
            self._kill()
            await self._process.wait()

    def _hang_up(self) -> None:
        """The engine leaves when its stdin closes."""
        with suppress(OSError):
            if self._process.stdin:
                self._process.stdin.close()

    def _kill(self) -> None:
        """Not `Process.kill`: it may reap the child itself, and its exit code is lost (asyncio)."""
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, getattr(signal, "SIGKILL", signal.SIGTERM))

    def _bury(self) -> None:
        """Tells everybody who waits that the engine has ended, and why."""
        if not self._hello.done():
            self._hello.set_exception(_start_failed(self._how_it_ended(), self._tail()))
            self._hello.exception()  # marks it as seen when nobody waits any more
        for running in self._running.values():
            if not running.done.done():
                running.done.set_exception(self._death())

    def _death(self) -> JobFailed:
        details = {"exit_code": self._process.returncode, "log": self._tail()}
        if self._hung:
            return JobFailed(
                "engine_hung",
                "The engine stopped answering and was ended.",
                "Run the job again: a new engine starts by itself.",
                details=details,
            )
        if self._stopping:
            return JobFailed(
                "engine_died",
                "The engine was stopped while it computed.",
                "Run the job again.",
                details=details,
            )
        return JobFailed(
            "engine_died",
            f"The engine process ended unexpectedly: {self._how_it_ended()}.",
            "Run the job again: a new engine starts by itself. If it ends again, use a smaller "
            "area or model.",
            details=details,
        )

    def _how_it_ended(self) -> str:
        code = self._process.returncode
        if code is None or code >= 0:
            return f"it left with exit code {code}"
        if -code == signal.SIGKILL and _oom_kills() > self._kills_before:
            return "the system ran out of memory and killed it"
        if -code == signal.SIGKILL:
            return "it was killed from outside"
        return f"it crashed with {signal.Signals(-code).name}"

    def _tail(self) -> list[str]:
        with suppress(OSError), self._log.open("rb") as stream:
            stream.seek(self._log_start)
            return stream.read()[-8000:].decode(errors="replace").splitlines()[-TAIL_LINES:]
        return []


def clean_environment() -> dict[str, str]:
    """The front's environment without what would load foreign Python code into the engine."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(DROPPED_PREFIXES)}
    source = Path(pentimento.__file__).resolve().parent.parent
    # Waiting threads that spin made steps ten times slower beside other busy programs (measured).
    patient = {"OMP_WAIT_POLICY": "passive"}
    return (
        patient
        | kept
        | {
            "PYTHONPATH": str(source),
            "PYTHONUNBUFFERED": "1",
            "HF_HUB_OFFLINE": "1",
            "TRANSFORMERS_OFFLINE": "1",
        }
    )


def _start_failed(reason: str, tail: list[str]) -> JobFailed:
    return JobFailed(
        "engine_start_failed",
        f"The engine could not be started: {reason}.",
        "Run `pentimento doctor`; installing the server again often helps.",
        details={"log": tail},
    )


def _oom_kills() -> int:
    """How many processes Linux has killed for lack of memory since boot; 0 elsewhere."""
    with suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/vmstat").read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0
