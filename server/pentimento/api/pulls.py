"""/v1/models/pull, /v1/models/pulls and DELETE /v1/models/{id}: what is fetched, and taken away."""

from __future__ import annotations

import asyncio
import shutil
from typing import Annotated, Any

from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pentimento.api import services
from pentimento.api.bodies import read_json
from pentimento.api.jobs import first_of, gone, number
from pentimento.api.services import Services
from pentimento.errors import Conflict
from pentimento.jobs.record import MODEL_ID, Strict
from pentimento.models import machine, removal
from pentimento.models.pull.manager import Pulls

LINK = "/v1/models/pulls/"
MOST_JOBS = 500


class PullRequest(Strict):
    """`accept_licence`: the user has read the licence of this model and agrees."""

    id: Annotated[str, Field(pattern=MODEL_ID)]
    accept_licence: bool = False


async def available(request: Request) -> Response:
    return JSONResponse(await asyncio.to_thread(_available, services.of(request)))


async def pull(request: Request) -> Response:
    server = services.of(request)
    wanted = await read_json(request, PullRequest, server.settings.limits)
    told = await asyncio.to_thread(server.pulls.start, wanted.id, wanted.accept_licence)
    return JSONResponse(_linked(told), 202, {"Location": LINK + wanted.id})


async def listing(request: Request) -> Response:
    found = await asyncio.to_thread(services.of(request).pulls.list)
    return JSONResponse({"pulls": [_linked(told) for told in found]})


async def show(request: Request) -> Response:
    """The snapshot; with `wait` as soon as it has changed."""
    server, pull_id = services.of(request), request.path_params["id"]
    told = await asyncio.to_thread(server.pulls.get, pull_id)
    wait = number(request, "wait", 0, 0, None)
    since = int(number(request, "since", told["rev"], 0, None))
    if wait:
        seconds = min(wait, server.settings.limits.wait)
        changed = _changed_after(server.pulls, pull_id, since, seconds)
        await first_of(changed, server.stopping.wait(), gone(request))
    return JSONResponse(_linked(server.pulls.get(pull_id)))


async def pause(request: Request) -> Response:
    pulls = services.of(request).pulls
    return JSONResponse(_linked(await asyncio.to_thread(pulls.pause, request.path_params["id"])))


async def cancel(request: Request) -> Response:
    pulls = services.of(request).pulls
    return JSONResponse(_linked(await asyncio.to_thread(pulls.cancel, request.path_params["id"])))


async def remove(request: Request) -> Response:
    server, model_id = services.of(request), request.path_params["id"]
    await _not_in_use(server, model_id)
    await asyncio.to_thread(_remove, server, model_id)
    return JSONResponse({"id": model_id, "removed": True})


async def _changed_after(pulls: Pulls, pull_id: str, since: int, seconds: float) -> None:
    loop, changed = asyncio.get_running_loop(), asyncio.Event()
    deadline = loop.time() + seconds
    with pulls.heard(lambda: loop.call_soon_threadsafe(changed.set)):
        while pulls.get(pull_id)["rev"] <= since and (left := deadline - loop.time()) > 0:
            try:
                await asyncio.wait_for(changed.wait(), left)
            except TimeoutError:
                return
            changed.clear()


async def _not_in_use(server: Services, model_id: str) -> None:
    for status in ("running", "queued"):
        for job in await server.queue.newest(None, status, MOST_JOBS):
            if job.snapshot()["record"]["request"]["model"] == model_id:
                raise Conflict(
                    "model_in_use",
                    f"A job is to be painted with {model_id}.",
                    "Wait for the job, or cancel it.",
                )


def _remove(server: Services, model_id: str) -> None:
    data_dir = server.settings.data_dir
    removal.remove(data_dir, server.registry, server.pulls.catalogue, model_id)


def _linked(told: dict[str, Any]) -> dict[str, Any]:
    link = LINK + told["id"]
    return told | {"urls": {"self": link, "pause": f"{link}/pause", "cancel": link}}


def _available(server: Services) -> dict[str, Any]:
    data_dir, found = server.settings.data_dir, machine.look()
    catalogue = server.pulls.catalogue
    entries = []
    for entry in catalogue.entries.values():
        licence = catalogue.licence(entry)
        told = entry.model_dump(
            include={"id", "title", "role", "family", "bytes", "gated", "vram", "cpu", "use"}
        )
        told |= {
            "best_for": list(entry.best_for),
            "licence": licence.model_dump(),
            "usable": entry.usable,
            "installed": entry.place(data_dir).exists(),
            "fits": found.suits(entry),
        }
        entries.append(told)
    return {
        "available": entries,
        "machine": {"vram_gb": found.vram, "ram_gb": found.ram},
        "free_bytes": shutil.disk_usage(data_dir).free,
    }
