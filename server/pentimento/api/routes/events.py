"""GET /v1/jobs/{id}/events: the life of a job as Server-Sent Events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from pentimento.api import jsontext, services
from pentimento.api.services import Services
from pentimento.jobs.job import Job
from pentimento.schema.job import JobStatus

TERMINAL = [status.value for status in JobStatus if status.final]
COMMENT = ": still here\n\n"


async def events(request: Request) -> Response:
    server = services.of(request)
    job = await server.queue.get(request.path_params["id"])
    seen = _last_seen(request)
    return StreamingResponse(_stream(server, job, seen), media_type="text/event-stream")


async def _stream(server: Services, job: Job, rev: int | None) -> AsyncIterator[str | bytes]:
    """What happened after revision `rev`, and all that follows. Ends with the terminal event, or
    without one when the server stops."""
    with job.followed():
        while not server.stopping.is_set():
            missed = None if rev is None else job.events_after(rev)
            if missed is None:
                rev = job.state.rev
                yield format("snapshot", job.snapshot(), rev)
            for event in missed or ():
                rev = event.rev
                yield format(event.name, event.data, rev)
                if event.name in TERMINAL:
                    return
            assert rev is not None
            if job.final and rev >= job.state.rev:
                yield format(job.state.status.value, job.snapshot(), rev)
                return
            if not await _news(server, job, rev):
                yield COMMENT


async def _news(server: Services, job: Job, rev: int) -> bool:
    """Whether the job changed before the next heartbeat is due."""
    change = asyncio.ensure_future(job.changed_after(rev, server.settings.limits.heartbeat))
    stop = asyncio.ensure_future(server.stopping.wait())
    try:
        await asyncio.wait({change, stop}, return_when=asyncio.FIRST_COMPLETED)
        return stop.done() or change.result()
    finally:
        change.cancel()
        stop.cancel()


def _last_seen(request: Request) -> int | None:
    text = request.headers.get("last-event-id", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None


def format(name: str, data: BaseModel | dict[str, Any], rev: int | None = None) -> bytes:
    """One Server-Sent Event; `rev` is its id."""
    return b"".join(pieces(name, data, rev))


def pieces(name: str, data: BaseModel | dict[str, Any], rev: int | None = None) -> Iterator[bytes]:
    """The same in parts, for one with pictures."""
    head = f"event: {name}\ndata: " if rev is None else f"id: {rev}\nevent: {name}\ndata: "
    yield head.encode()
    yield from jsontext.pieces(data)
    yield b"\n\n"
