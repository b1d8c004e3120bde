"""POST txt2img and img2img: a job of the queue, and its pictures as base64."""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from pentimento.api import jsontext, services
from pentimento.api.compat import common
from pentimento.api.compat.a1111 import fields, infotext, sources, units
from pentimento.api.compat.a1111 import options as state
from pentimento.api.compat.a1111.options import CLIENT, Options, overridden
from pentimento.api.services import Services
from pentimento.core.errors import NotFound
from pentimento.core.geometry import Box, Size
from pentimento.jobs.job import Job
from pentimento.jobs.styles import applied
from pentimento.schema.job import Control, JobRequest, JobStatus, Mode

G = TypeVar("G", bound=fields.GenerationFields)
ECHO_WITHOUT = ("init_images", "mask", "alwayson_scripts")


async def txt2img(request: Request) -> Response:
    server = services.of(request)
    wanted = await _read(request, server, fields.Txt2Img)
    options = await overridden(request, wanted.override_settings)
    size = await _size(server, wanted, options)
    common.refuse_form(_kind(options), size)
    place = units.UnitPlace(size, Box(0, 0, size.width, size.height))
    async with server.pixel_turn():
        controls = await _controls(server, wanted, place)
    asked = JobRequest(
        mode=Mode.TXT2IMG,
        width=size.width,
        height=size.height,
        controls=controls,
        **_common(wanted, options),
    )
    job = await _run(request, server, wanted, asked)
    return await _answer(server, job, wanted, options, None)


async def img2img(request: Request) -> Response:
    server = services.of(request)
    wanted = await _read(request, server, fields.Img2Img)
    options = await overridden(request, wanted.override_settings)
    if not wanted.init_images:
        raise NotFound("image_not_found", "Init image not found.", "Send one in init_images.")
    if len(wanted.init_images) > 1:
        raise fields.unsupported("init_images", "One picture can be repainted at a time")
    picture = wanted.init_images[0]
    async with server.pixel_turn():
        prepared = await sources.prepare(server, wanted, picture, options.model)
        common.refuse_form(_kind(options), prepared.whole)
        place = units.UnitPlace(prepared.whole, prepared.box, picture)
        controls = await _controls(server, wanted, place)
    strength = wanted.denoising_strength
    asked = JobRequest(
        mode=Mode.INPAINT if prepared.mask else Mode.IMG2IMG,
        source=prepared.source,
        mask=prepared.mask,
        mask_options=prepared.mask_options,
        strength=sources.DEFAULT_STRENGTH if strength is None else strength,
        controls=controls,
        **_common(wanted, options),
    )
    job = await _run(request, server, wanted, asked)
    return await _answer(server, job, wanted, options, prepared.paste)


async def _read(request: Request, server: Services, model: type[G]) -> G:
    """The request; whatever cannot be followed is refused before anything is stored."""
    wanted = await common.read_json(request, model, server)
    fields.refuse_unsupported_options(wanted)
    units.read(wanted.alwayson_scripts)
    return wanted


async def _size(server: Services, wanted: fields.GenerationFields, options: Options) -> Size:
    """Of text to image: what is left out is the model's own size."""
    if wanted.width and wanted.height:
        return Size(wanted.width, wanted.height)
    name = options.model or server.registry.default_id
    native = (await asyncio.to_thread(server.registry.get, name)).native_size
    return Size(wanted.width or native, wanted.height or native)


async def _controls(
    server: Services, wanted: fields.GenerationFields, place: units.UnitPlace
) -> list[Control]:
    return await units.controls(server, units.read(wanted.alwayson_scripts), place)


def _common(wanted: fields.GenerationFields, options: Options) -> dict[str, Any]:
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
    request: Request, server: Services, wanted: fields.GenerationFields, asked: JobRequest
) -> Job:
    """The finished job; an interrupted one counts as finished, with what it has."""
    job = await server.queue.submit(await asyncio.to_thread(_styled, server, wanted, asked))
    state.state_of(request).note_task(wanted.force_task_id, job)
    await common.until_final(request, server, job)
    if job.state.status is not JobStatus.CANCELLED:
        common.require_success(job)
    return job


def _styled(server: Services, wanted: fields.GenerationFields, asked: JobRequest) -> JobRequest:
    """With its styles one after the other, as A1111 does it; the record tells the last one."""
    for name in wanted.styles or ():
        asked = applied(asked, server.styles).model_copy(update={"style": name})
    return asked


def _kind(options: Options) -> str:
    kind = options.samples_format.upper()
    return "JPEG" if kind == "JPG" else kind


def _form(options: Options, text: str) -> common.Form:
    return common.Form(_kind(options), options.jpeg_quality, text)


async def _answer(
    server: Services,
    job: Job,
    wanted: fields.GenerationFields,
    options: Options,
    paste: sources.Paste | None,
) -> Response:
    images = []
    for stored in job.state.images if wanted.send_images else ():
        text = infotext.text(job, stored) if options.enable_pnginfo else ""
        async with server.pixel_turn():
            made = paste.result if paste else common.result
            images.append(await made(server, job, stored, _form(options, text)))
    parameters = wanted.model_dump(exclude=set(ECHO_WITHOUT))
    if isinstance(wanted, fields.Img2Img):
        parameters["init_images"] = wanted.init_images if wanted.include_init_images else None
    told = infotext.info(job)
    told["comments"] = [*fields.remarks(wanted), *told["comments"]]
    info = jsontext.dump(told).decode()
    answer = {"images": images, "parameters": parameters, "info": info}
    return jsontext.with_pictures(answer)
