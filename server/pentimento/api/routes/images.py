"""Results, masks and previews of a job, as PNG, raw pixels or JPEG."""

from __future__ import annotations

import asyncio

import anyio
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from pentimento.api import jsontext, services
from pentimento.api.routes.jobs import find, number
from pentimento.core.errors import Conflict, NotFound
from pentimento.jobs.blobs import RAW_TYPE
from pentimento.jobs.job import Job, Stored
from pentimento.jobs.results import THUMBNAIL, webp_as_png, write_png

OPEN = anyio.open_file  # FileResponse opens with it, which is loaded here and not as it is sent
THUMBNAIL_SIDES = (16, 1024)  # px, the smallest and the largest


class PictureFile(FileResponse):
    chunk_size = 2**20  # each chunk goes through a thread: small ones cost more than they carry


async def image(request: Request) -> Response:
    job = await find(request)
    wanted = request.path_params["n"]
    for stored in job.state.images:
        if str(stored.index) == wanted:
            if "thumbnail" in request.query_params:
                return await thumbnail(request, job, stored)
            return await picture(request, job, stored)
    if not job.final and wanted in map(str, range(job.request.count)):
        raise Conflict("not_ready", "This picture is not finished yet.", "Wait for its event.")
    raise missing("There is no such picture in this job.")


async def thumbnail(request: Request, job: Job, stored: Stored) -> Response:
    side = int(number(request, "thumbnail", THUMBNAIL, *THUMBNAIL_SIDES))
    results = services.of(request).results
    if not await asyncio.to_thread(results.file(job.id, stored).path.is_file):
        raise missing("The file of this picture is gone.")
    made = await asyncio.to_thread(results.thumbnail, job.id, stored, side)
    if "image/png" in request.headers.get("accept", "").lower():
        return Response(await asyncio.to_thread(webp_as_png, made), media_type="image/png")
    return Response(made, media_type="image/webp")


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
        return PictureFile(file.path, media_type=kind)
    sent = file.path.with_name(stored.png) if stored.png else None
    if sent is not None and await asyncio.to_thread(sent.is_file):
        return PictureFile(sent, media_type="image/png")
    async with services.of(request).pixel_turn():
        out = services.of(request).results.scratch()
        await asyncio.to_thread(write_png, file, out)
    return jsontext.with_file(out, "image/png")


def missing(message: str) -> NotFound:
    return NotFound("image_not_found", message, "GET the job: its snapshot lists what it has.")
