"""The queue: takes jobs in, runs one at a time on the backend, and lets nobody wait for ever.

It alone changes jobs. They are in memory while active and shortly after; the store has them all.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pentimento.backends.base import Backend, Event, Loading, Preview, Result, Step, Task
from pentimento.errors import (
    Busy,
    Cancelled,
    Conflict,
    JobFailed,
    NotFound,
    PentimentoError,
    Unavailable,
)
from pentimento.jobs import space
from pentimento.jobs.admission import Admission, Admitted, body_hash
from pentimento.jobs.job import Job
from pentimento.jobs.record import JobRequest, JobStatus
from pentimento.jobs.results import Results, stored
from pentimento.jobs.state import JobState, Progress
from pentimento.jobs.store import Store
from pentimento.jobs.timings import Timings

log = logging.getLogger(__name__)

REMEMBERED = 64  # finished jobs that keep their events and last preview in memory
LEASE_LOOK = 0.5  # s between looks for abandoned jobs
LONGEST_RETRY = 120  # s, the most that a full queue asks a client to wait


@dataclass(frozen=True, slots=True)
class QueueLimits:
    queued: int
    lease: float
    result_age: float


class JobQueue:
    def __init__(
        self,
        store: Store,
        results: Results,
        admission: Admission,
        backend: Backend,
        timings: Timings,
        limits: QueueLimits,
    ) -> None:
        self._store = store
        self._results = results
        self._admission = admission
        self._backend = backend
        self._timings = timings
        self._limits = limits
        self._jobs: dict[str, Job] = {}
        self._waiting: list[Job] = []
        self._running: Job | None = None
        self._admitting = asyncio.Lock()
        self._arrived = asyncio.Event()
        self._closing = False
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Takes up what an earlier server left, and starts working."""
        for state in await self._store.unfinished_jobs():
            await self._recover(state)
        self._tasks = [
            asyncio.create_task(self._work_for_ever()),
            asyncio.create_task(self._watch_leases()),
        ]

    async def close(self, patience: float) -> None:
        """Ends the running job as failed; waiting ones stay for the next server."""
        self._closing = True
        for task in self._tasks:
            task.cancel()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._backend.close(), patience)
        await asyncio.wait(self._tasks, timeout=patience)
        running = self._running
        if running and not running.final:
            await self._finish(running, Cancelled() if running.cancelling else _restarted())

    @property
    def running_id(self) -> str | None:
        return self._running.id if self._running else None

    @property
    def queued(self) -> int:
        return len(self._waiting)

    def blobs_in_use(self) -> set[str]:
        active = [*self._waiting, *([self._running] if self._running else [])]
        return {picture.blob for job in active for picture in job.request.pictures()}

    # What clients ask for

    async def submit(self, request: JobRequest, key: str | None = None) -> Job:
        """A new job, or the one that was made with the same idempotency key and body."""
        async with self._admitting:
            fingerprint = body_hash(request)
            if key and (known := await self._store.job_of_key(key)):
                return await self._replay(known, fingerprint)
            if self._closing:
                raise Unavailable("shutting_down", "The server is ending.", "Start it again.")
            admitted = await self._admission.admit(request)
            if admitted.needs_engine:
                self._require_place()
            return await self._take_in(admitted, key, fingerprint)

    async def get(self, job_id: str) -> Job:
        """The job, also one of earlier days; NotFound."""
        if job := self._jobs.get(job_id):
            return job
        if state := await self._store.job(job_id):
            return self._jobs.get(job_id) or Job(state)
        raise NotFound(
            "job_not_found",
            "There is no job with this id (any more).",
            "GET /v1/jobs lists the jobs that are kept.",
        )

    async def newest(self, client: str | None, status: str | None, limit: int) -> list[Job]:
        """The newest first."""
        states = await self._store.jobs(client, status, limit)
        return [self._jobs.get(state.id) or Job(state) for state in states]

    async def cancel(self, job_id: str) -> Job:
        """Asks a job to stop: at once while it waits, within one step while it runs."""
        job = await self.get(job_id)
        if job in self._waiting:
            self._waiting.remove(job)
            await self._finish(job, Cancelled())
            self._renumber()
        elif job is self._running and not job.cancelling:
            job.cancelling = True
            await self._backend.cancel(job.id)
        return job

    # Taking in

    async def _replay(self, known: tuple[str, str], fingerprint: str) -> Job:
        job_id, earlier = known
        if earlier != fingerprint:
            raise Conflict(
                "idempotency_mismatch",
                "This Idempotency-Key was used for another job.",
                "Use a new key for a new job.",
                status=422,
            )
        return await self.get(job_id)

    def _require_place(self) -> None:
        if len(self._waiting) < self._limits.queued:
            return
        running = self._running.pace.left if self._running else None
        seconds = running or self._timings.job_seconds
        raise Busy(
            "queue_full",
            f"{len(self._waiting)} jobs are waiting; no more are taken.",
            "Try again when one has finished.",
            retry_after=min(LONGEST_RETRY, max(1, math.ceil(seconds))),
        )

    async def _take_in(self, admitted: Admitted, key: str | None, fingerprint: str) -> Job:
        state = JobState(
            id=uuid.uuid4().hex,
            request=admitted.request,
            created_at=time.time(),
            max_age=self._limits.result_age,
            progress=Progress(images=admitted.request.count),
            facts={"style": admitted.style} if admitted.style else {},
        )
        job = Job(state)
        if not admitted.needs_engine:
            await self._answer_here(job, admitted)
        await self._store.add_job(job.state, key, fingerprint)
        self._remember(job)
        if job.final:
            size = await asyncio.to_thread(self._results.size, job.id)
            await self._store.save_job(job.state, size)
        else:
            self._enqueue(job)
        log.info("job %s: %s, %s", job.id, job.request.mode, job.state.status)
        return job

    async def _answer_here(self, job: Job, admitted: Admitted) -> None:
        """Strength 0 keeps the source bit for bit, and most maps are drawn without a model, so no
        engine is asked."""
        try:
            facts = await asyncio.to_thread(self._results.answer, job.state, admitted.inputs)
        except BaseException:
            await asyncio.to_thread(self._results.remove, job.id)
            raise
        job.state.started_at = job.state.created_at
        job.end(job.state.ended(JobStatus.SUCCEEDED, facts={"backend": "none", **facts}))

    def _enqueue(self, job: Job) -> None:
        self._waiting.append(job)
        self._renumber()
        self._arrived.set()

    def _renumber(self) -> None:
        for position, job in enumerate(self._waiting, 1):
            job.queue_at(position)

    async def _recover(self, state: JobState) -> None:
        job = Job(state)
        self._remember(job)
        if state.status is JobStatus.RUNNING:
            await self._finish(job, _restarted())
        elif state.request.interactive:
            await self._finish(job, Cancelled())
        else:
            self._enqueue(job)

    # Working

    async def _work_for_ever(self) -> None:
        while True:
            await self._arrived.wait()
            if not self._waiting:
                self._arrived.clear()
                continue
            job = self._running = self._waiting.pop(0)
            try:
                await self._run(job)
            finally:
                if not self._closing:
                    self._running = None
            self._renumber()

    async def _run(self, job: Job) -> None:
        outcome: dict[str, Any] | Exception
        try:
            job.start()
            await self._store.save_job(job.state)
            outcome = await self._compute(job)
        except Exception as problem:
            outcome = Cancelled() if job.cancelling else problem
        await self._finish(job, outcome)

    async def _compute(self, job: Job) -> dict[str, Any]:
        inputs = await self._admission.inputs(job.request)
        words = await self._admission.words(job.request)
        folder = self._results.of(job.id)
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        if job.cancelling:
            raise Cancelled
        saves: list[asyncio.Task[None]] = []

        def emit(event: Event) -> None:
            self._take(job, event, saves)

        started = time.monotonic()
        task = Task(job.id, job.request, inputs, folder, words)
        facts = await self._backend.run(task, emit)
        await asyncio.gather(*saves)
        self._timings.note_job(time.monotonic() - started)
        return facts

    def _take(self, job: Job, event: Event, saves: list[asyncio.Task[None]]) -> None:
        match event:
            case Loading():
                job.load(event)
            case Step():
                job.step(event)
            case Preview():
                job.show(event)
            case Result(kind="image"):
                job.add_image(stored(event))
                saves.append(asyncio.create_task(self._store.save_job(job.state)))
            case Result(kind="mask"):
                job.set_mask(stored(event))
            case Result(kind="stage"):
                job.add_stage(stored(event))
                saves.append(asyncio.create_task(self._store.save_job(job.state)))

    async def _finish(self, job: Job, outcome: dict[str, Any] | Exception) -> None:
        """Saves the end of a job, then tells it."""
        match outcome:
            case dict():
                ended = job.state.ended(JobStatus.SUCCEEDED, facts=outcome)
            case Cancelled():
                ended = job.state.ended(JobStatus.CANCELLED)
            case _:
                error = _as_failure(outcome).body()["error"]
                ended = job.state.ended(JobStatus.FAILED, error=error)
        try:
            size = await asyncio.to_thread(self._results.size, job.id)
            await self._store.save_job(ended, size)
            if job.pace.seconds_per_step and ended.status is JobStatus.SUCCEEDED:
                passes = 1 + len(job.request.regions)
                await self._timings.note_steps(ended, job.pace.seconds_per_step / passes)
        except Exception:
            log.exception("job %s could not be saved", job.id)
        job.end(ended)
        log.info("job %s: %s", job.id, ended.status)

    async def _watch_leases(self) -> None:
        """Cancels interactive jobs whose client has gone."""
        while True:
            await asyncio.sleep(LEASE_LOOK)
            active = [*self._waiting, *([self._running] if self._running else [])]
            for job in active:
                if job.request.interactive and job.alone_for() > self._limits.lease:
                    log.info("job %s: nobody follows it any more", job.id)
                    await self.cancel(job.id)

    def _remember(self, job: Job) -> None:
        self._jobs[job.id] = job
        finished = [known.id for known in self._jobs.values() if known.final]
        for job_id in finished[:-REMEMBERED]:
            del self._jobs[job_id]

    def forget(self, job_id: str) -> None:
        """For jobs that are deleted from the store."""
        self._jobs.pop(job_id, None)


def _as_failure(problem: Exception) -> PentimentoError:
    if isinstance(problem, PentimentoError):
        return problem
    if space.is_disk_full(problem):
        return space.disk_full()
    log.error("a job failed in the front", exc_info=problem)
    return JobFailed(
        "internal",
        "The server ran into an error of its own.",
        "Try again; if it stays, `pentimento doctor` shows where the log is.",
    )


def _restarted() -> JobFailed:
    return JobFailed(
        "server_restarted",
        "The server ended while this job ran.",
        "Run it again.",
    )
