"""Deletes what is too old or too much, so that the data folder stays within its limits."""

from __future__ import annotations

import asyncio
import logging

from pentimento.jobs.blobs import Blobs
from pentimento.jobs.queue import JobQueue
from pentimento.jobs.results import Results
from pentimento.jobs.store import Store

log = logging.getLogger(__name__)

INTERVAL = 300.0  # s


class Sweeper:
    def __init__(
        self, store: Store, blobs: Blobs, results: Results, queue: JobQueue, result_bytes: int
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._results = results
        self._queue = queue
        self._result_bytes = result_bytes

    async def tidy_up(self) -> None:
        """Once, before any job is taken: folders of jobs that are not known."""
        await asyncio.to_thread(self._results.remove_strays, await self._store.job_ids())

    async def sweep(self) -> None:
        for job_id in await self._store.drop_old_jobs(self._result_bytes):
            self._queue.forget(job_id)
            await asyncio.to_thread(self._results.remove, job_id)
        await self._blobs.sweep(self._queue.blobs_in_use())

    async def run_for_ever(self) -> None:
        while True:
            try:
                await self.sweep()
            except Exception:
                log.exception("sweeping failed; it is tried again")
            await asyncio.sleep(INTERVAL)
