"""Requests that a client sends again. OpenAI's clients repeat a request that took too long for
them, up to twice, with nothing but a count in a header to tell; each would be another job.

A repeated request gets the job that the same request made before, whether it still runs or has just
ended. A first request always makes a job of its own: two equal ones mean two pictures.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict

from starlette.requests import Request

from pentimento.jobs.admission import body_hash, check_key
from pentimento.jobs.job import Job
from pentimento.jobs.queue import JobQueue
from pentimento.schema.job import JobRequest, JobStatus

RETRY_COUNT = "x-stainless-retry-count"
KNOWN = 256  # requests
REMEMBERED = 600.0  # s
RETURN = 8.0  # s, the longest that OpenAI's clients wait before they send a request again


class Repeats:
    def __init__(self, queue: JobQueue) -> None:
        self._queue = queue
        self._made: OrderedDict[str, str] = OrderedDict()  # body hash -> job id
        self._lock = asyncio.Lock()  # a repeat may come while the first is being taken in
        self._holding: set[asyncio.Task[None]] = set()

    async def job(self, request: Request, wanted: JobRequest) -> Job:
        """The job for a request; an Idempotency-Key counts as everywhere."""
        key = check_key(request.headers.get("idempotency-key"))
        fingerprint = body_hash(wanted)
        async with self._lock:
            if request.headers.get(RETRY_COUNT, "0") != "0":
                made = await self._made_before(fingerprint)
                if made:
                    return made
            job = await self._queue.submit(wanted, key)
            self._made[fingerprint] = job.id
            self._made.move_to_end(fingerprint)
            while len(self._made) > KNOWN:
                self._made.popitem(last=False)
            return job

    def hold(self, job: Job) -> None:
        """Keeps the job of a client that hung up going until it can have come back."""
        holding = asyncio.create_task(_hold(job))
        self._holding.add(holding)
        holding.add_done_callback(self._holding.discard)

    async def _made_before(self, fingerprint: str) -> Job | None:
        """The job of an earlier request, unless it was stopped or is long past."""
        job_id = self._made.get(fingerprint)
        job = await self._queue.get(job_id) if job_id else None
        if job is None or job.cancelling or job.state.status is JobStatus.CANCELLED:
            return None
        recent = job.state.finished_at is None or time.time() - job.state.finished_at < REMEMBERED
        return job if recent else None


async def _hold(job: Job) -> None:
    with job.followed():
        await asyncio.sleep(RETURN)


def of(request: Request) -> Repeats:
    repeats: Repeats = request.app.state.openai
    return repeats
