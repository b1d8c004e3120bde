"""POST, GET and DELETE of /v1/jobs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pentimento.api import services
from pentimento.api.bodies import read_json
from pentimento.errors import BadInput
from pentimento.jobs.admission import check_key
from pentimento.jobs.job import Job
from pentimento.jobs.record import JobRequest, JobStatus

MOST_LISTED = 500


async def create(request: Request) -> Response:
    server = services.of(request)
    key = check_key(request.headers.get("idempotency-key"))
    wanted = await read_json(request, JobRequest, server.settings.limits)
    job = await server.queue.submit(wanted, key)
    link = f"/v1/jobs/{job.id}"
    answer = {
        "id": job.id,
        "status": job.state.status.value,
        "queue_position": job.queue_position,
        "urls": {"self": link, "events": f"{link}/events", "cancel": link},
    }
    return JSONResponse(answer, 202, {"Location": link})


async def listing(request: Request) -> Response:
    query = request.query_params
    status = query.get("status")
    if status is not None and status not in set(JobStatus):
        raise bad_query("status", f"must be one of {', '.join(JobStatus)}")
    limit = int(number(request, "limit", 100, 1, MOST_LISTED))
    found = await services.of(request).queue.newest(query.get("client"), status, limit)
    return JSONResponse({"jobs": [job.snapshot() for job in found]})


async def show(request: Request) -> Response:
    """The snapshot; with `wait` as soon as the job has changed."""
    server = services.of(request)
    job = await server.queue.get(request.path_params["id"])
    wait = number(request, "wait", 0, 0, None)
    since = int(number(request, "since", job.state.rev, 0, None))
    with job.followed():
        if wait:
            seconds = min(wait, server.settings.limits.wait)
            await first_of(job.changed_after(since, seconds), server.stopping.wait(), gone(request))
    return JSONResponse(job.snapshot())


async def cancel(request: Request) -> Response:
    job = await services.of(request).queue.cancel(request.path_params["id"])
    return JSONResponse(job.snapshot())


async def find(request: Request) -> Job:
    """The job of the path, which counts as followed by being asked for."""
    job = await services.of(request).queue.get(request.path_params["id"])
    with job.followed():
        return job


async def first_of(*waits: Awaitable[object]) -> None:
    """Until one of them is done; the others are cancelled."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


async def gone(request: Request) -> None:
    """Until the client has hung up."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def number(request: Request, name: str, default: float, least: float, most: float | None) -> float:
    """A number from the query; raises BadInput."""
    text = request.query_params.get(name)
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not (least <= value <= (most if most is not None else 2**53)):
        upper = "" if most is None else f" to {most:g}"
        raise bad_query(name, f"must be a number from {least:g}{upper}")
    return value


def bad_query(name: str, message: str) -> BadInput:
    return BadInput(
        "bad_request",
        f"The query does not fit: {name} {message}.",
        "docs/protocol.md lists the calls.",
        details={"fields": [{"field": name, "message": message}]},
    )
