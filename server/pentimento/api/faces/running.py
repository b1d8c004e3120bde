"""One job from start to end inside a single HTTP call, as the other APIs do it.

Jobs of faces are interactive: a client that hangs up ends its job a few seconds later, unless it
comes back for it.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import ClientDisconnect, Request

from pentimento.api.bodies import read_chunks
from pentimento.api.jobs import first_of, gone
from pentimento.api.services import Services
from pentimento.errors import Conflict, JobFailed, Unavailable
from pentimento.jobs.job import Job
from pentimento.jobs.record import JobStatus

LOOK_AGAIN = 60.0  # s; a wait for a change that starts over


async def read_body(request: Request, server: Services) -> bytes:
    """JSON with pictures in it, so it may be long."""
    limits = server.settings.limits
    return b"".join([part async for part in read_chunks(request, limits.face_body, limits)])


async def until_final(request: Request, server: Services, job: Job) -> None:
    """Raises ClientDisconnect when nobody waits any more, Unavailable when the server ends."""
    with job.followed():
        await first_of(_final(job), server.stopping.wait(), gone(request))
    if not job.final:
        if server.stopping.is_set():
            raise Unavailable("shutting_down", "The server is ending.", "Start it again.")
        raise ClientDisconnect


def require_success(job: Job) -> None:
    """Raises what the job's failure says, and Conflict for a cancelled one."""
    if job.state.status is JobStatus.CANCELLED:
        raise Conflict("cancelled", "The job was cancelled.", "Send it again.")
    if error := job.state.error:
        raise failure(error)


def failure(error: dict[str, Any]) -> JobFailed:
    return JobFailed(error["code"], error["message"], error["hint"], details=error["details"])


async def _final(job: Job) -> None:
    while not job.final:
        await job.changed_after(job.state.rev, LOOK_AGAIN)
