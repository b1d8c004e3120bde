"""POST txt2img and img2img: a job of the queue, and its pictures as base64."""

from __future__ import annotations

import asyncio
import json
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pentimento.api import services
from pentimento.api.faces import pictures, running
from pentimento.api.faces.a1111 import fields, infotext, sources, state, units
from pentimento.api.faces.a1111.options import overridden
from pentimento.api.faces.a1111.state import CLIENT, Options
from pentimento.api.services import Services
from pentimento.errors import NotFound
from pentimento.imaging.geometry import Box, Size
from pentimento.jobs.job import Job
from pentimento.jobs.record import Control, JobRequest, JobStatus, Mode
from pentimento.jobs.styles import applied

G = TypeVar("G", bound=fields.Generation)
ECHO_WITHOUT = ("init_images", "mask", "alwayson_scripts")


async def txt2img(request: Request) -> Response:
    server = services.of(request)
    wanted = await _read(request, server, fields.Txt2Img)
    options = overridden(request, wanted.override_settings)
    size = await _size(server, wanted, options)
    place = units.Place(size, Box(0, 0, size.width, size.height))
    asked = JobRequest(
        mode=Mode.TXT2IMG,
        width=size.width,
        height=size.height,
        controls=await _controls(server, wanted, place),
        **_common(wanted, options),
    )
    job = await _run(request, server, wanted, asked)
    return await _answer(server, job, wanted, options, None)


async def img2img(request: Request) -> Response:
    server = services.of(request)
    wanted = await _read(request, server, fields.Img2Img)
    options = overridden(request, wanted.override_settings)
    if not wanted.init_images:
        raise NotFound("image_not_found", "Init image not found.", "Send one in init_images.")
    if len(wanted.init_images) > 1:
        raise fields.unsupported("init_images", "One picture can be repainted at a time")
    prepared = await sources.prepare(server, wanted, wanted.init_images[0], options.model)
    strength = wanted.denoising_strength
    asked = JobRequest(
        mode=Mode.INPAINT if prepared.mask else Mode.IMG2IMG,
        source=prepared.source,
        mask=prepared.mask,
        mask_options=prepared.mask_options,
        strength=sources.DEFAULT_STRENGTH if strength is None else strength,
        controls=await _controls(
            server, wanted, units.Place(prepared.whole, prepared.box, wanted.init_images[0])
        ),
        **_common(wanted, options),
    )
    job = await _run(request, server, wanted, asked)
    return await _answer(server, job, wanted, options, prepared.paste)


async def _read(request: Request, server: Services, model: type[G]) -> G:
    """The request; whatever cannot be followed is refused before anything is stored."""
    wanted = model.model_validate_json(await running.read_body(request, server))
    fields.refuse_unknown_arts(wanted)
    units.read(wanted.alwayson_scripts)
    return wanted


async def _size(server: Services, wanted: fields.Generation, options: Options) -> Size:
    """Of text to image: what is left out is the model's own size."""
    if wanted.width and wanted.height:
        return Size(wanted.width, wanted.height)
    name = options.model or server.registry.default_id
    native = (await asyncio.to_thread(server.registry.get, name)).native_size
    return Size(wanted.width or native, wanted.height or native)


async def _controls(
    server: Services, wanted: fields.Generation, place: units.Place
) -> list[Control]:
    return await units.controls(server, units.read(wanted.alwayson_scripts), place)


def _common(wanted: fields.Generation, options: Options) -> dict[str, Any]:
    seed = wanted.seed
    return {
        "prompt": wanted.prompt,
        "negative_prompt": wanted.negative_prompt or "",
        "seed": None if seed is None or seed < 0 else seed,
        "steps": wanted.steps,
        "guidance": wanted.cfg_scale,
        "sampler": fields.sampler(wanted),
        "count": wanted.count,
        "model": options.model,
        "vae": options.vae,
        "interactive": True,
        "client": CLIENT,
    }


async def _run(
    request: Request, server: Services, wanted: fields.Generation, asked: JobRequest
) -> Job:
    """The finished job; an interrupted one counts as finished, with what it has."""
    job = await server.queue.submit(await asyncio.to_thread(_styled, server, wanted, asked))
    state.of(request).note_task(wanted.force_task_id, job)
    await running.until_final(request, server, job)
    if job.state.status is not JobStatus.CANCELLED:
        running.require_success(job)
    return job


def _styled(server: Services, wanted: fields.Generation, asked: JobRequest) -> JobRequest:
    """With its styles one after the other, as A1111 does it; the record tells the last one."""
    for name in wanted.styles or ():
        asked = applied(asked, server.styles).model_copy(update={"style": name})
    return asked


async def _answer(
    server: Services,
    job: Job,
    wanted: fields.Generation,
    options: Options,
    paste: sources.Paste | None,
) -> Response:
    images = []
    for stored in job.state.images if wanted.send_images else ():
        png = await (
            paste.result_png(server, job, stored)
            if paste
            else pictures.result_png(server, job, stored)
        )
        if options.enable_pnginfo:
            png = pictures.with_text(png, infotext.KEYWORD, infotext.text(job, stored))
        kind = options.samples_format.upper()
        encoded = pictures.encode(png, "JPEG" if kind == "JPG" else kind, options.jpeg_quality)
        images.append(pictures.base64_of(encoded))
    parameters = wanted.model_dump(exclude=set(ECHO_WITHOUT))
    if isinstance(wanted, fields.Img2Img):
        parameters["init_images"] = wanted.init_images if wanted.include_init_images else None
    info = json.dumps(infotext.info(job))
    return JSONResponse({"images": images, "parameters": parameters, "info": info})
