"""Jobs on this machine: an engine process that is started when needed and ended when idle."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

from pentimento.core.errors import Cancelled, JobFailed, PentimentoError
from pentimento.core.settings import EngineOptions
from pentimento.engine_ipc.host import EngineChild, Patience
from pentimento.engine_ipc.messages import EngineJob, Extras, ModelSpec
from pentimento.models.library import made_with
from pentimento.models.library.model import ModelInfo
from pentimento.models.library.registry import Registry
from pentimento.schema.answers import EngineCondition, EngineState
from pentimento.schema.job import OF_A_SOURCE_ALONE, Mode
from pentimento.schema.task import Emit, Loading, Task

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
        self._finishing: set[str] = (
            set()
        )  # jobs that are not there yet, and of which a little is enough
        self._idle: asyncio.Task[None] | None = None

    async def run(self, task: Task, emit: Emit) -> dict[str, Any]:
        job = self._job(task)
        self._stay_awake()
        try:
            child = await self._engine_for(task.job_id, emit)
            if task.job_id in self._finishing:
                await child.finish(task.job_id)
            return await child.compute(job, emit)
        finally:
            self._finishing.discard(task.job_id)
            self._sleep_later()

    def _job(self, task: Task) -> EngineJob:
        registry = self._registry.snapshot()
        made_with.check_waiting(task.request, registry)
        drawn = [name for words in task.words for name, _ in words.loras]
        addons = registry.addons.places(task.request, drawn)
        addons |= registry.annotators.places(task.request)
        addons |= registry.ip_adapters.places(task.request)
        if task.request.mode is Mode.UPSCALE:
            addons |= registry.upscalers.places(task.request)
        if task.request.mode in OF_A_SOURCE_ALONE or task.request.model is None:
            return EngineJob(task, None, addons)
        entry = registry.get(str(task.request.model))
        if not entry.ok:
            raise _damaged(entry)
        extras = Extras.of(registry, task.request, entry, task.words)
        return EngineJob(task, ModelSpec.of(entry), addons, extras)

    async def cancel(self, job_id: str) -> None:
        if job_id in self._waiting:
            self._waiting[job_id].set()
        elif self._child and self._child.alive:
            await self._child.cancel(job_id)

    async def finish(self, job_id: str) -> bool:
        if self._child and self._child.alive and self._child.computes(job_id):
            await self._child.finish(job_id)
        else:
            self._finishing.add(job_id)
        return True

    async def status(self) -> EngineState:
        child = self._child if self._child and self._child.alive else None
        facts = child.facts if child else {}
        return EngineState(
            state=self._state(child),
            device=facts.get("device"),
            pid=child.pid if child else None,
            memory_mb=facts.get("memory_mb"),
            loaded=facts.get("loaded", []),
            memory=facts.get("memory"),
        )

    async def start(self, model: str | None = None) -> None:
        self._stay_awake()
        try:
            child = await asyncio.shield(self._start())
            if model is None or child.busy:
                return
            entry = await asyncio.to_thread(self._registry.get, model)
            if entry.ok:
                await child.warm(ModelSpec.of(entry))
        finally:
            self._sleep_later()

    async def close(self) -> None:
        self._stay_awake()
        if self._starting:
            self._starting.cancel()
            await asyncio.gather(self._starting, return_exceptions=True)
        if self._child:
            await self._child.stop()

    def _state(self, child: EngineChild | None) -> EngineCondition:
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
