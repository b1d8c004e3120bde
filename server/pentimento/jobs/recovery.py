"""Makes the database agree with the folders of the jobs: results outlive a database that was lost,
damaged, or put back from a backup.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, replace

from pentimento.core.errors import JobFailed
from pentimento.jobs.job import JobState
from pentimento.jobs.results import KeptRecord, Results
from pentimento.jobs.store import Known, Store
from pentimento.schema.job import JobStatus

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Recovered:
    """`found`: jobs that came back from their folders; `unknown`: folders without a record, which
    are kept."""

    found: tuple[str, ...]
    unknown: tuple[str, ...]


async def recover(store: Store, results: Results) -> Recovered:
    """Before any job is taken. Says in the log what it did."""
    known = await store.known_jobs()
    ids = await asyncio.to_thread(lambda: list(results.ids()))
    found, unknown = [], []
    for job_id in ids:
        if _is_complete(known.get(job_id)):
            continue
        record = await asyncio.to_thread(results.record, job_id)
        if record is None:
            if job_id not in known:
                unknown.append(job_id)
            continue
        if await _take_back(record, known.get(job_id), store, results):
            found.append(job_id)
    _tell(store, found, unknown)
    return Recovered(tuple(found), tuple(unknown))


def interrupted() -> JobFailed:
    return JobFailed(
        "server_restarted",
        "The server ended while this job ran.",
        "Run it again.",
    )


def _is_complete(known: Known | None) -> bool:
    return known is not None and known.readable and JobStatus(known.status).final


async def _take_back(
    record: KeptRecord, known: Known | None, store: Store, results: Results
) -> bool:
    """Whether the record tells more than the database, which then has it."""
    state = record.state
    if not state.status.final:
        if known is not None and known.readable:
            return False  # the queue knows what to do with it
        state = _ended(state)
    now = time.time()
    if state.expires_at <= now:  # which may be by a wrong clock: it has its whole time once more
        state = replace(state, expires_at=now + state.max_age)
    size = await asyncio.to_thread(results.size, state.id)
    await store.take_back(state, record.key, record.body_hash, size)
    return True


def _ended(state: JobState) -> JobState:
    """It was running when its server ended; its pictures are there."""
    return state.ended(JobStatus.FAILED, error=interrupted().body()["error"])


def _tell(store: Store, found: list[str], unknown: list[str]) -> None:
    if store.put_aside:
        log.warning("the damaged database is kept as %s", store.put_aside)
    if found:
        log.warning("%d jobs were found again by the records in their folders", len(found))
    if unknown and store.is_new:
        log.warning(
            "%d folders of jobs without a record are kept: %s", len(unknown), ", ".join(unknown[:8])
        )
