"""Takes away what is too old or too much: results, blobs, and what a broken run left."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from pentimento.jobs.blobs import Blobs
from pentimento.jobs.clock import CautiousClock, Sight
from pentimento.jobs.job import Job
from pentimento.jobs.queue import JobQueue
from pentimento.jobs.recovery import recover
from pentimento.jobs.results import Results
from pentimento.jobs.store import Store

log = logging.getLogger(__name__)
INTERVAL = 300.0  # s


@dataclass(frozen=True, slots=True)
class ResultLimits:
    """Seconds and bytes of all results together."""

    age: float
    total: int


class Sweeper:
    """Removes only what is certainly the server's and certainly too old: names that it gave, by a
    clock that no wrong date puts forward, and nothing unknown while the database is new."""

    def __init__(
        self, store: Store, blobs: Blobs, results: Results, queue: JobQueue, limits: ResultLimits
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._results = results
        self._queue = queue
        self._limits = limits

    async def tidy_up(self) -> None:
        """Once, before any job is taken: finds again what the database lost, and removes what no
        server will finish or ask for."""
        if not self._store.knew_time:
            await asyncio.to_thread(self._take_time_from_files)
        await recover(self._store, self._results)
        await self._store.keep_time()
        if self._store.is_new:
            return
        await asyncio.to_thread(self._results.remove_parts)
        await asyncio.to_thread(self._blobs.remove_parts)
        known = await self._store.known_jobs()
        before = self._store.clock.now() - self._limits.age
        await asyncio.to_thread(self._results.remove_strays, known, before)

    def _take_time_from_files(self) -> None:
        """All that is certain where the database does not tell what time it last was."""
        newest = max(self._results.newest(), self._blobs.newest())
        if newest:
            self._store.clock = CautiousClock(Sight(newest))

    async def sweep(self) -> None:
        await self._store.keep_time()
        for job_id in await self._store.drop_old_jobs(self._limits.total):
            self._queue.forget(job_id)
            await asyncio.to_thread(self._results.remove, job_id)
        await self._blobs.sweep(self._queue.blobs_in_use())

    async def forget(self, job: Job) -> None:
        """Of a job that has ended: its record, its results, and the pictures that were sent for it
        unless another job needs them just now."""
        await self._store.drop_job(job.id)
        self._queue.forget(job.id)
        await asyncio.to_thread(self._results.remove, job.id)
        sent = {picture.blob for picture in job.request.pictures()}
        await self._blobs.forget(sent - self._queue.blobs_in_use())

    async def run_for_ever(self) -> None:
        while True:
            try:
                await self.sweep()
            except Exception:
                log.exception("sweeping failed; it is tried again")
            await asyncio.sleep(INTERVAL)
