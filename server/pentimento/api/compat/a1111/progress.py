"""How far it is, and stopping it. In A1111 both are global; here they see the face's own jobs only,
so that no client stops what somebody paints in GIMP."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from pentimento.api import services
from pentimento.api.compat import common
from pentimento.api.compat.a1111 import options
from pentimento.api.compat.a1111.fields import Lenient
from pentimento.api.compat.a1111.options import CLIENT
from pentimento.api.compat.common import read_json
from pentimento.api.jsontext import JSONAnswer
from pentimento.api.services import Services
from pentimento.jobs.job import Job, iso
from pentimento.jobs.store import Search
from pentimento.schema.job import JobStatus

MOST_WAITING = 64


class TaskQuestion(Lenient):
    id_task: str
    id_live_preview: int | None = -1
    live_preview: bool | None = True


async def progress(request: Request) -> Response:
    server = services.of(request)
    waiting = await _waiting(server)
    job = await _current(server, waiting)
    skips = request.query_params.get("skip_current_image", "").lower() in ("true", "1")
    preview = job.preview if job and not skips else None
    return JSONAnswer(
        {
            "progress": job.state.progress.fraction if job else 0.0,
            "eta_relative": (job.state.progress.eta_seconds or 0.0) if job else 0.0,
            "state": _state(job, len(waiting)),
            "current_image": common.base64_of(preview) if preview else None,
            "textinfo": job.state.progress.message or None if job else None,
        }
    )


async def interrupt(request: Request) -> Response:
    """Stops the job that runs, or the next one; its call is answered with what it has."""
    server = services.of(request)
    job = await _current(server, await _waiting(server))
    if job:
        await server.queue.cancel(job.id)
    return JSONAnswer({})


async def task_progress(request: Request) -> Response:
    """Of one task, by the `force_task_id` it was sent with."""
    server = services.of(request)
    asked = await read_json(request, TaskQuestion, server)
    job_id = options.state_of(request).tasks.get(asked.id_task)
    job = await server.queue.get(job_id) if job_id else None
    fresh = job and job.preview and asked.live_preview and job.preview_rev != asked.id_live_preview
    image = common.base64_of(job.preview) if job and job.preview and fresh else None
    status = job.state.status if job else None
    return JSONAnswer(
        {
            "active": status is JobStatus.RUNNING,
            "queued": status is JobStatus.QUEUED,
            "completed": bool(job and job.final),
            "progress": job.state.progress.fraction if job else None,
            "eta": job.state.progress.eta_seconds if job else None,
            "live_preview": f"data:image/jpeg;base64,{image}" if image else None,
            "id_live_preview": job.preview_rev if job and image else asked.id_live_preview,
            "textinfo": (job.state.progress.message or None) if job else None,
        }
    )


async def pending(request: Request) -> Response:
    server = services.of(request)
    names = {job_id: task for task, job_id in options.state_of(request).tasks.items()}
    tasks = [names.get(job.id, job.id) for job in await _waiting(server)]
    return JSONAnswer({"size": len(tasks), "tasks": tasks})


async def _waiting(server: Services) -> list[Job]:
    """The face's waiting jobs, the next one first."""
    found = await server.queue.newest(
        Search(client=CLIENT, status=JobStatus.QUEUED.value, limit=MOST_WAITING)
    )
    return [job for job in reversed(found) if job.state.status is JobStatus.QUEUED]


async def _current(server: Services, waiting: list[Job]) -> Job | None:
    running = server.queue.running_id
    if running:
        job = await server.queue.get(running)
        if job.request.client == CLIENT:
            return job
    return waiting[0] if waiting else None


def _state(job: Job | None, waiting: int) -> dict[str, Any]:
    at = job.state.progress if job else None
    runs = job is not None and job.state.status is JobStatus.RUNNING
    return {
        "skipped": False,
        "interrupted": bool(job and job.cancelling),
        "stopping_generation": bool(job and job.cancelling),
        "job": job.id if job else "",
        "job_count": waiting + (1 if runs else 0),
        "job_timestamp": iso(job.state.created_at) if job else "0",
        "job_no": 0,
        "sampling_step": at.step if at else 0,
        "sampling_steps": at.steps if at else 0,
    }
