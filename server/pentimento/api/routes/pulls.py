"""/v1/models/pull, /v1/models/pulls and DELETE /v1/models/{id}: what is fetched, and taken away."""

from __future__ import annotations

import asyncio
import shutil
from typing import Annotated

from pydantic import Field
from starlette.requests import Request

from pentimento.api import services
from pentimento.api.bodies import read_json
from pentimento.api.jsontext import Answer
from pentimento.api.routes.jobs import first_of, gone, number
from pentimento.api.services import Services
from pentimento.core.errors import Conflict
from pentimento.jobs.needs import needed
from pentimento.models import machine, manage
from pentimento.models.download.links import LINK
from pentimento.models.download.pull import Pulls
from pentimento.schema.answers import (
    Available,
    MachineMemory,
    PullSnapshot,
    PullSnapshots,
    Removed,
)
from pentimento.schema.job import MODEL_ID, JobRequest, Strict


class PullRequest(Strict):
    """`id`: as the list of what is available has it, or a link (`hf:owner/name`, `civitai:NUMBER`).
    `accept_licence`: the user has read the licence of this model and agrees."""

    id: Annotated[str, Field(pattern=f"{MODEL_ID}|{LINK}")]
    accept_licence: bool = False


async def available(request: Request) -> Answer[Available]:
    return Answer(await asyncio.to_thread(_available, services.of(request)))


async def pull(request: Request) -> Answer[PullSnapshot]:
    server = services.of(request)
    wanted = await read_json(request, PullRequest, server.settings.limits)
    told = await asyncio.to_thread(server.pulls.start, wanted.id, wanted.accept_licence)
    return Answer(told, 202, {"Location": told.urls.self})


async def listing(request: Request) -> Answer[PullSnapshots]:
    found = await asyncio.to_thread(services.of(request).pulls.list)
    return Answer(PullSnapshots(pulls=found))


async def show(request: Request) -> Answer[PullSnapshot]:
    """The snapshot; with `wait` as soon as it has changed."""
    server, pull_id = services.of(request), request.path_params["id"]
    told = await asyncio.to_thread(server.pulls.get, pull_id)
    wait = number(request, "wait", 0, 0, None)
    since = int(number(request, "since", told.rev, 0, None))
    if wait:
        seconds = min(wait, server.settings.limits.wait)
        changed = _changed_after(server.pulls, pull_id, since, seconds)
        await first_of(changed, server.stopping.wait(), gone(request))
    return Answer(server.pulls.get(pull_id))


async def pause(request: Request) -> Answer[PullSnapshot]:
    pulls = services.of(request).pulls
    return Answer(await asyncio.to_thread(pulls.pause, request.path_params["id"]))


async def cancel(request: Request) -> Answer[PullSnapshot]:
    pulls = services.of(request).pulls
    return Answer(await asyncio.to_thread(pulls.cancel, request.path_params["id"]))


async def remove(request: Request) -> Answer[Removed]:
    server, model_id = services.of(request), request.path_params["id"]
    await asyncio.to_thread(_remove, server, model_id, server.queue.requests())
    return Answer(Removed(id=model_id, removed=True))


async def _changed_after(pulls: Pulls, pull_id: str, since: int, seconds: float) -> None:
    loop, changed = asyncio.get_running_loop(), asyncio.Event()
    deadline = loop.time() + seconds
    with pulls.heard(lambda: loop.call_soon_threadsafe(changed.set)):
        while pulls.get(pull_id).rev <= since and (left := deadline - loop.time()) > 0:
            try:
                await asyncio.wait_for(changed.wait(), left)
            except TimeoutError:
                return
            changed.clear()


def _remove(server: Services, model_id: str, waiting: list[JobRequest]) -> None:
    data_dir, catalogue = server.settings.data_dir, server.pulls.catalogue
    registry = server.registry.snapshot(whole=True)
    part = manage.find(data_dir, registry, catalogue, model_id)
    if part.path in needed(waiting, registry):
        raise Conflict(
            "model_in_use",
            f"A job is to be painted with {model_id}.",
            "Wait for the job, or cancel it.",
        )
    manage.remove_found(data_dir, registry, part)


def _available(server: Services) -> Available:
    data_dir, found = server.settings.data_dir, machine.look()
    return Available(
        available=server.pulls.catalogue.available(data_dir, found),
        machine=MachineMemory(vram_gb=found.vram, ram_gb=found.ram),
        free_bytes=shutil.disk_usage(data_dir).free,
    )
