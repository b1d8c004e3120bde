"""POST, GET, PATCH and DELETE of /v1/jobs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Annotated, Literal

from pydantic import Field
from starlette.requests import Request

from pentimento.api import jsontext, services
from pentimento.api.bodies import read_json
from pentimento.api.jsontext import Answer
from pentimento.api.other_machines import refuse_elsewhere
from pentimento.core.errors import BadInput, field_error
from pentimento.jobs.admission import check_key
from pentimento.jobs.job import Job
from pentimento.jobs.store import Search
from pentimento.schema.job import MAX_PROMPT, JobRequest, JobStatus, Strict
from pentimento.schema.snapshot import Accepted, Jobs, Snapshot, Urls

MOST_LISTED = 500
NEXT = 1


class JobChange(Strict):
    """What is left out stays. `position`: 1 is the next to run."""

    position: Literal["next"] | Annotated[int, Field(ge=1, le=100_000)] | None = None
    starred: bool | None = None


async def create(request: Request) -> Answer[Accepted]:
    server = services.of(request)
    key = check_key(request.headers.get("idempotency-key"))
    wanted = await read_json(request, JobRequest, server.settings.limits)
    refuse_elsewhere(request, wanted.backend)
    job = await server.queue.submit(wanted, key)
    link = f"/v1/jobs/{job.id}"
    answer = Accepted(
        id=job.id,
        status=job.state.status,
        queue_position=job.queue_position,
        urls=Urls(self=link, events=f"{link}/events", cancel=link),
    )
    return Answer(answer, 202, {"Location": link})


async def listing(request: Request) -> Answer[Jobs]:
    query = request.query_params
    status = query.get("status")
    if status is not None and status not in set(JobStatus):
        raise bad_query("status", f"must be one of {', '.join(JobStatus)}")
    limit = int(number(request, "limit", 100, 1, MOST_LISTED))
    search = Search(
        client=query.get("client"),
        status=status,
        text=query.get("q", "")[:MAX_PROMPT],
        model=query.get("model"),
        image=query.get("image"),
        starred=_truth(query.get("starred")),
        pictures=bool(_truth(query.get("pictures"), "pictures")),
        before=query.get("before"),
        limit=limit + 1,
    )
    found = await services.of(request).queue.newest(search)
    following = found[limit - 1].id if len(found) > limit else None
    snapshots = (job.snapshot() for job in found[:limit])
    return await jsontext.with_list(Jobs, "jobs", snapshots, {"next": following})


def _truth(text: str | None, name: str = "starred") -> bool | None:
    known = {None: None, "true": True, "1": True, "false": False, "0": False}
    if text not in known:
        raise bad_query(name, "must be true or false")
    return known[text]


async def show(request: Request) -> Answer[Snapshot]:
    """The snapshot; with `wait` as soon as the job has changed."""
    server = services.of(request)
    job = await server.queue.get(request.path_params["id"])
    wait = number(request, "wait", 0, 0, None)
    since = int(number(request, "since", job.state.rev, 0, None))
    with job.followed():
        if wait:
            seconds = min(wait, server.settings.limits.wait)
            await first_of(job.changed_after(since, seconds), server.stopping.wait(), gone(request))
    return Answer(job.snapshot())


async def change(request: Request) -> Answer[Snapshot]:
    """Its place in the queue, and whether it is kept for good."""
    server = services.of(request)
    wanted = await read_json(request, JobChange, server.settings.limits)
    job = await server.queue.get(request.path_params["id"])
    if wanted.position is not None:
        position = NEXT if wanted.position == "next" else wanted.position
        job = await server.queue.move(job.id, position)
    if wanted.starred is not None:
        job = await server.queue.star(job.id, wanted.starred)
    return Answer(job.snapshot())


async def cancel(request: Request) -> Answer[Snapshot]:
    """Cancels it; with `forget=true` nothing is kept of one that has ended."""
    server = services.of(request)
    job = await server.queue.cancel(request.path_params["id"])
    if _truth(request.query_params.get("forget"), "forget") and job.final:
        await server.sweeper.forget(job)
    return Answer(job.snapshot())


async def finish(request: Request) -> Answer[Snapshot]:
    """Stop and keep."""
    job = await services.of(request).queue.finish(request.path_params["id"])
    return Answer(job.snapshot())


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
        details=field_error(name, message),
    )
