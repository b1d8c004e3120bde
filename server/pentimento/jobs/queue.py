"""Job queue with a lane for each place, leases and recovery, and the sweeper of the data folder.

The queue alone changes jobs. They are in memory while active and shortly after; the store has them
all.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from pentimento.core import files
from pentimento.core.errors import (
    Busy,
    Cancelled,
    Conflict,
    JobFailed,
    NotFound,
    PentimentoError,
    Unavailable,
)
from pentimento.jobs.admission import Admission, Admitted, body_hash
from pentimento.jobs.job import Job, JobState
from pentimento.jobs.places import Places
from pentimento.jobs.recovery import interrupted
from pentimento.jobs.results import KeptRecord, Results, stored
from pentimento.jobs.store import Search, Store
from pentimento.jobs.timings import Timings
from pentimento.schema.job import JobRequest, JobStatus
from pentimento.schema.snapshot import JobProgress
from pentimento.schema.task import Backend, Event, Loading, Preview, Result, Step, Task
from pentimento.schema.vocabulary import calls_of

log = logging.getLogger(__name__)

REMEMBERED = 64  # finished jobs that keep their events and last preview in memory
LEASE_LOOK = 0.5  # s between looks for abandoned jobs
LONGEST_RETRY = 120  # s, the most that a full queue asks a client to wait
SAVE_AGAIN = 2.0  # s between attempts to save the end of a job


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
        self._places = Places(admission.at_once)
        self._at_work: set[asyncio.Task[None]] = set()
        self._admitting = asyncio.Lock()
        self._arrived = asyncio.Event()
        self._recording = asyncio.Lock()
        self._unsaved: dict[str, JobState] = {}  # jobs that have ended, for which there was no room
        self._closing = False
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Takes up what an earlier server left, and starts working."""
        for state in await self._store.unfinished_jobs():
            await self._recover(state)
        self._tasks = [
            asyncio.create_task(self._work_for_ever()),
            asyncio.create_task(self._watch_leases()),
            asyncio.create_task(self._save_for_ever()),
        ]

    async def close(self, patience: float) -> None:
        """Ends the running jobs as failed; waiting ones stay for the next server."""
        self._closing = True
        tasks = [*self._tasks, *self._at_work]
        for task in tasks:
            task.cancel()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._backend.close(), patience)
        await asyncio.wait(tasks, timeout=patience)
        for running in self._places.running:
            if not running.final:
                await self._finish(running, Cancelled() if running.cancelling else interrupted())
        await self._save_ends()

    @property
    def running_id(self) -> str | None:
        """Of the job on this machine, or of one at a service."""
        return self._places.first.id if self._places.first else None

    @property
    def idle_here(self) -> bool:
        """Whether this machine computes no job."""
        return self._places.here is None

    @property
    def queued(self) -> int:
        return len(self._waiting)

    def requests(self) -> list[JobRequest]:
        """Of the jobs that wait or run."""
        active = [*self._waiting, *self._places.running]
        return [job.request for job in active]

    def blobs_in_use(self) -> set[str]:
        return {picture.blob for request in self.requests() for picture in request.pictures()}

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
        if state := self._unsaved.get(job_id) or await self._store.job(job_id):
            return self._jobs.get(job_id) or Job(state)
        raise NotFound(
            "job_not_found",
            "There is no job with this id (any more).",
            "The history lists the jobs that are kept (GET /v1/jobs).",
        )

    async def newest(self, search: Search) -> list[Job]:
        """The newest first."""
        states = await self._store.jobs(search)
        return [self._jobs.get(state.id) or Job(state) for state in states]

    async def cancel(self, job_id: str) -> Job:
        """Asks a job to stop: at once while it waits, within one step while it runs."""
        job = await self.get(job_id)
        if job in self._waiting:
            self._waiting.remove(job)
            await self._finish(job, Cancelled())
            self._renumber()
        elif job in self._places.running and not job.cancelling:
            job.cancelling = True
            await self._backend.cancel(job.id)
        return job

    async def finish(self, job_id: str) -> Job:
        """Asks a running job for what it has so far: it succeeds within one step. One that has
        ended stays as it is. Raises Conflict where there is nothing, or it cannot be had."""
        job = await self.get(job_id)
        if job.final or job.cancelling:
            return job
        if job not in self._places.running:
            raise Conflict(
                "not_running",
                "This job waits still, so there is nothing of it to keep.",
                "Cancel it, or ask again when it runs.",
            )
        if job.request.backend or not await self._backend.finish(job.id):
            raise Conflict(
                "cannot_finish",
                "A service does not give a picture that is not finished.",
                "Wait for its end, or cancel it.",
            )
        return job

    async def move(self, job_id: str, position: int) -> Job:
        """To a place in the queue, 1 is the next to run, any number beyond the last is the last.
        Raises Conflict for a job that does not wait."""
        job = await self.get(job_id)
        if job not in self._waiting:
            raise Conflict(
                "not_waiting",
                "This job does not wait any more, so it has no place in the queue.",
                "GET the job: its snapshot tells its status.",
            )
        self._waiting.remove(job)
        self._waiting.insert(position - 1, job)
        self._renumber()
        return job

    async def star(self, job_id: str, starred: bool) -> Job:
        """Starred jobs are kept for good."""
        job = await self.get(job_id)
        job.state.starred = starred
        await self._record(job.state)
        await self._store.save_job(job.state)
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
        first = self._places.first
        seconds = (first.pace.left if first else None) or self._timings.job_seconds
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
            progress=JobProgress(images=admitted.request.count),
            facts={"style": admitted.style} if admitted.style else {},
        )
        job = Job(state)
        if not admitted.needs_engine:
            await self._answer_here(job, admitted)
        await self._store.add_job(job.state, key, fingerprint)
        self._remember(job)
        if job.final:
            await self._save_end(job.state)
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
            await self._finish(job, interrupted())
        elif state.request.interactive:
            await self._finish(job, Cancelled())
        else:
            self._enqueue(job)

    # Working

    async def _work_for_ever(self) -> None:
        while True:
            await self._arrived.wait()
            job = self._places.next(self._waiting)
            if job is None:
                self._arrived.clear()
                continue
            self._waiting.remove(job)
            self._places.running.append(job)
            task = asyncio.create_task(self._run_in_its_place(job))
            self._at_work.add(task)
            task.add_done_callback(self._at_work.discard)
            self._renumber()

    async def _run_in_its_place(self, job: Job) -> None:
        try:
            await self._run(job)
        finally:
            if not self._closing:
                self._places.running.remove(job)
                self._arrived.set()

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
        await asyncio.to_thread(self._results.prepare, job.id)
        if job.cancelling:
            raise Cancelled
        saves: list[asyncio.Task[None]] = []

        def emit(event: Event) -> None:
            self._take(job, event, saves)

        started = time.monotonic()
        task = Task(job.id, job.request, inputs, folder, words)
        try:
            facts = await self._backend.run(task, emit)
        finally:
            await asyncio.gather(*saves)
        if "ended" not in facts:
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
                saves.append(asyncio.create_task(self._save_pictures(job)))
            case Result(kind="mask"):
                job.set_mask(stored(event))
            case Result(kind="stage"):
                job.add_stage(stored(event))
                saves.append(asyncio.create_task(self._save_pictures(job)))

    async def _finish(self, job: Job, outcome: dict[str, Any] | Exception) -> None:
        """Saves the end of a job, then tells it."""
        match outcome:
            case dict():
                ended = _succeeded(job.state, outcome)
            case Cancelled():
                ended = job.state.ended(JobStatus.CANCELLED)
            case _:
                error = _as_failure(outcome).body()["error"]
                ended = job.state.ended(JobStatus.FAILED, error=error)
        try:
            await self._save_end(ended)
            painted = job.request.model or job.request.backend
            if painted and job.pace.seconds_per_step and ended.status is JobStatus.SUCCEEDED:
                passes = (1 + len(job.request.regions)) * calls_of(job.request.sampler)
                await self._timings.note_steps(ended, job.pace.seconds_per_step / passes)
        except Exception:
            log.exception("job %s could not be saved; it is tried again", job.id)
            self._unsaved[job.id] = ended
        job.end(ended)
        log.info("job %s: %s", job.id, ended.status)

    async def _save_pictures(self, job: Job) -> None:
        """What a job has so far, so that its pictures outlive a server that is killed."""
        try:
            await self._record(job.state)
            await self._store.save_job(job.state)
        except Exception:
            log.warning("job %s cannot be saved while it runs", job.id, exc_info=True)

    async def _save_end(self, ended: JobState) -> None:
        """First beside the pictures, then in the database."""
        await self._record(ended)
        size = await asyncio.to_thread(self._results.size, ended.id)
        await self._store.save_job(ended, size)

    async def _record(self, state: JobState) -> None:
        async with self._recording:  # never an older state over a newer one
            record = KeptRecord(state, *await self._store.key_of(state.id))
            await asyncio.to_thread(self._results.keep, record)

    async def _save_for_ever(self) -> None:
        while True:
            await asyncio.sleep(SAVE_AGAIN)
            await self._save_ends()

    async def _save_ends(self) -> None:
        """Once more those that could not be saved."""
        for job_id, ended in list(self._unsaved.items()):
            try:
                await self._save_end(ended)
            except Exception as problem:
                log.debug("job %s still cannot be saved: %s", job_id, problem)
                return
            del self._unsaved[job_id]
            log.info("job %s is saved now", job_id)

    async def _watch_leases(self) -> None:
        """Cancels interactive jobs whose client has gone."""
        while True:
            await asyncio.sleep(LEASE_LOOK)
            active = [*self._waiting, *self._places.running]
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


def _succeeded(state: JobState, facts: dict[str, Any]) -> JobState:
    """One that was ended early is recorded as what was made, so that its record repeats that."""
    early = facts.pop("ended", {})
    ended = state.ended(JobStatus.SUCCEEDED, facts=facts)
    return replace(ended, request=ended.request.model_copy(update=early))


def _as_failure(problem: Exception) -> PentimentoError:
    if isinstance(problem, PentimentoError):
        return problem
    if files.is_disk_full(problem):
        return files.disk_full()
    log.error("a job failed in the front", exc_info=problem)
    return JobFailed(
        "internal",
        "The server ran into an error of its own.",
        "Try again; if it stays, `pentimento doctor` shows where the log is.",
    )
