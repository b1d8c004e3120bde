"""Jobs on this machine: an engine process that is started when needed and ended when idle."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

from pentimento.backends.base import Emit, Loading, Task
from pentimento.engine.child import EngineChild, Patience
from pentimento.engine.extras import Extras
from pentimento.engine.messages import EngineJob, ModelSpec
from pentimento.engine.options import EngineOptions
from pentimento.errors import Cancelled, JobFailed, PentimentoError
from pentimento.jobs.record import Mode
from pentimento.models import ModelInfo, Registry

IDLE_SECONDS = 600.0


class LocalBackend:
    """Implements `backends.base.Backend`; after `close` the next job starts a new engine."""

    name = "local"

    def __init__(
        self,
        data_dir: Path,
        registry: Registry,
        *,
        idle_seconds: float = IDLE_SECONDS,
        patience: Patience | None = None,
        python: str = sys.executable,
        options: EngineOptions | None = None,
    ) -> None:
        self._log = data_dir / "logs" / "engine.log"
        self._registry = registry
        self._idle_seconds = idle_seconds
        self._patience = patience or Patience()
        self._python = python
        self._options = options or EngineOptions()
        self._child: EngineChild | None = None
        self._starting: asyncio.Task[EngineChild] | None = None
        self._failed = False
        self._waiting: dict[str, asyncio.Event] = {}  # jobs whose engine is not ready yet
        self._idle: asyncio.Task[None] | None = None

    async def run(self, task: Task, emit: Emit) -> dict[str, Any]:
        job = self._job(task)
        self._stay_awake()
        try:
            child = await self._engine_for(task.job_id, emit)
            return await child.compute(job, emit)
        finally:
            self._sleep_later()

    def _job(self, task: Task) -> EngineJob:
        drawn = [name for words in task.words for name, _ in words.loras]
        addons = self._registry.addons.places(task.request, drawn)
        addons |= self._registry.annotators.places(task.request)
        addons |= self._registry.ip_adapters.places(task.request)
        if task.request.mode is Mode.PREPROCESS:
            return EngineJob(task, None, addons)
        entry = self._registry.get(str(task.request.model))
        if not entry.ok:
            raise _damaged(entry)
        extras = Extras.of(self._registry, task.request, entry, task.words)
        return EngineJob(task, ModelSpec.of(entry), addons, extras)

    async def cancel(self, job_id: str) -> None:
        if job_id in self._waiting:
            self._waiting[job_id].set()
        elif self._child and self._child.alive:
            await self._child.cancel(job_id)

    async def status(self) -> dict[str, Any]:
        child = self._child if self._child and self._child.alive else None
        facts = child.facts if child else {}
        return {
            "state": self._state(child),
            "device": facts.get("device"),
            "pid": child.pid if child else None,
            "memory_mb": facts.get("memory_mb"),
            "loaded": facts.get("loaded", []),
            "memory": facts.get("memory"),
        }

    async def start(self) -> None:
        self._stay_awake()
        try:
            await asyncio.shield(self._start())
        finally:
            self._sleep_later()

    async def close(self) -> None:
        self._stay_awake()
        if self._starting:
            self._starting.cancel()
            await asyncio.gather(self._starting, return_exceptions=True)
        if self._child:
            await self._child.stop()

    def _state(self, child: EngineChild | None) -> str:
        if self._starting:
            return "starting"
        if child:
            return "busy" if child.busy else "idle"
        return "failed" if self._failed else "stopped"

    async def _engine_for(self, job_id: str, emit: Emit) -> EngineChild:
        """A running engine, or Cancelled when the job is cancelled before it is up."""
        if self._child and self._child.alive:
            return self._child
        emit(Loading("Starting the engine"))
        cancelled = self._waiting[job_id] = asyncio.Event()
        starting = self._start()
        stop = asyncio.create_task(cancelled.wait())
        try:
            await asyncio.wait({starting, stop}, return_when=asyncio.FIRST_COMPLETED)
            if cancelled.is_set():
                raise Cancelled
            return await asyncio.shield(starting)
        finally:
            stop.cancel()
            del self._waiting[job_id]

    def _start(self) -> asyncio.Task[EngineChild]:
        """The one start in progress; a job that no longer waits for it does not stop it."""
        if self._starting is None:
            self._starting = asyncio.create_task(self._spawn())
            self._starting.add_done_callback(_look_at_outcome)
        return self._starting

    async def _spawn(self) -> EngineChild:
        try:
            if self._child and not self._child.alive:
                await self._child.stop()  # its memory is to be free before the next one starts
                self._child = None
            if self._child is None:
                self._child = await EngineChild.start(
                    self._log, self._patience, self._python, self._options
                )
            self._failed = False
            return self._child
        except PentimentoError:
            self._failed = True
            raise
        finally:
            self._starting = None

    def _stay_awake(self) -> None:
        if self._idle:
            self._idle.cancel()
            self._idle = None

    def _sleep_later(self) -> None:
        """Ends the engine when nothing happens for a while: it gives all its memory back."""

        async def sleep() -> None:
            await asyncio.sleep(self._idle_seconds)
            if self._child and not self._child.busy and not self._starting:
                await asyncio.shield(self._child.stop())

        self._stay_awake()
        self._idle = asyncio.create_task(sleep())


def _look_at_outcome(starting: asyncio.Task[EngineChild]) -> None:
    """A start that fails after the last job stopped waiting for it is no unhandled error."""
    if not starting.cancelled():
        starting.exception()


def _damaged(entry: ModelInfo) -> JobFailed:
    """What the registry saw at a glance need not be found out by an engine."""
    return JobFailed(
        "model_damaged",
        f"The model “{entry.title}” cannot be used: {entry.problem}",
        "Install the model again, or choose another one.",
        details={"file": str(entry.path), "reason": entry.problem},
    )
