"""Results, masks and previews of a job, as PNG, raw pixels or JPEG."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import FileResponse, Response

from pentimento.api import services
from pentimento.api.jobs import find
from pentimento.errors import Conflict, NotFound
from pentimento.jobs.blobs import RAW_TYPE
from pentimento.jobs.job import Job
from pentimento.jobs.results import as_png
from pentimento.jobs.state import Stored


async def image(request: Request) -> Response:
    job = await find(request)
    wanted = request.path_params["n"]
    for stored in job.state.images:
        if str(stored.index) == wanted:
            return await picture(request, job, stored)
    if not job.final and wanted.isdigit() and int(wanted) < job.request.count:
        raise Conflict("not_ready", "This picture is not finished yet.", "Wait for its event.")
    raise missing("There is no such picture in this job.")


async def mask(request: Request) -> Response:
    job = await find(request)
    if job.state.mask:
        return await picture(request, job, job.state.mask)
    if not job.final and job.request.mask:
        raise Conflict("not_ready", "The mask is not ready yet.", "Wait until the job has started.")
    raise missing("This job has no mask.")


async def preview(request: Request) -> Response:
    job = await find(request)
    if job.preview is None:
        raise missing("There is no preview of this job.")
    return Response(job.preview, media_type="image/jpeg")


async def picture(request: Request, job: Job, stored: Stored) -> Response:
    file = services.of(request).results.file(job.id, stored)
    if not await asyncio.to_thread(file.path.is_file):
        raise missing("The file of this picture is gone.")
    if RAW_TYPE in request.headers.get("accept", "").lower():
        kind = f"{RAW_TYPE}; format={stored.format}; width={file.width}; height={file.height}"
        return FileResponse(file.path, media_type=kind)
    sent = file.path.with_name(stored.png) if stored.png else None
    if sent is not None and await asyncio.to_thread(sent.is_file):
        return FileResponse(sent, media_type="image/png")
    return Response(await asyncio.to_thread(as_png, file), media_type="image/png")


def missing(message: str) -> NotFound:
    return NotFound("image_not_found", message, "GET the job: its snapshot lists what it has.")
