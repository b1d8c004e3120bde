"""POST images/generations and images/edits: a job of the queue, and its pictures as base64, at once
or as events with partial pictures before the last one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse

from pentimento.api import jsontext, services
from pentimento.api.bodies import read_chunks
from pentimento.api.compat import common
from pentimento.api.compat.openai import errors, fields, repeats
from pentimento.api.compat.openai.fields import Edit, Generate
from pentimento.api.routes import events as sse
from pentimento.api.routes.jobs import first_of
from pentimento.api.services import Services
from pentimento.core.errors import BadInput, PentimentoError, Unavailable, Unsupported
from pentimento.core.geometry import Size
from pentimento.imaging.sizing import refuse_huge
from pentimento.jobs.job import Job
from pentimento.jobs.store import Blob
from pentimento.models.library.registry import Registry
from pentimento.schema.job import BlobRef, JobRequest, Mode

if TYPE_CHECKING:
    import numpy as np

    from pentimento.schema.task import PixelFile


CLIENT = "openai"  # of its jobs
PICTURES = ("image", "image[]")
MOST_FILES, MOST_FIELDS = 20, 40


async def generate(request: Request) -> Response:
    server = services.of(request)
    if not request.headers.get("content-type", "").lower().startswith("application/json"):
        raise Unsupported("unsupported_media_type", "This call takes JSON only.", "Send JSON.")
    wanted = await common.read_json(request, Generate, server)
    fields.refuse_unsupported_options(wanted, edits=False)
    size = wanted.pixels
    if size:
        common.refuse_form(wanted.kind, size)
    asked = JobRequest(
        mode=Mode.TXT2IMG,
        width=size.width if size else None,
        height=size.height if size else None,
        **_common(wanted),
    )
    return await _run(request, server, wanted, asked, "image_generation")


async def edit(request: Request) -> Response:
    server = services.of(request)
    form = await _form(request, server)
    try:
        texts = {name: value for name, value in form.multi_items() if isinstance(value, str)}
        wanted = Edit.model_validate(texts)
        fields.refuse_unsupported_options(wanted, edits=True)
        image, mask = await _files(form)
    finally:
        await form.close()
    async with server.pixel_turn():
        source, selected = await _sources(server, image, mask, wanted)
    told = await asyncio.to_thread(_is_instruction, wanted, server.registry)
    asked = JobRequest(
        mode=Mode.EDIT if told else Mode.INPAINT if selected else Mode.IMG2IMG,
        source=source,
        mask=selected,
        strength=wanted.strength,
        alpha="opaque" if wanted.background == "opaque" else None,
        **_common(wanted),
    )
    return await _run(request, server, wanted, asked, "image_edit")


def _is_instruction(wanted: Edit, registry: Registry) -> bool:
    """Whether the prompt tells what to change, not what is to be seen: where the model follows such
    words and no strength asks for a repaint. Raises NotFound for an unknown model."""
    if wanted.strength is not None or not wanted.prompt.strip():
        return False
    return Mode.EDIT in registry.get(wanted.model or registry.default_id).modes


def _common(wanted: Generate) -> dict[str, Any]:
    return {
        "prompt": wanted.prompt,
        "negative_prompt": wanted.negative_prompt or "",
        "seed": wanted.seed,
        "steps": wanted.num_inference_steps,
        "guidance": wanted.guidance_scale,
        "count": wanted.n or 1,
        "model": wanted.model,
        "preview": bool(wanted.stream and wanted.partial_images),
        "interactive": True,
        "client": CLIENT,
    }


async def _run(
    request: Request, server: Services, wanted: Generate, asked: JobRequest, event: str
) -> Response:
    job = await repeats.of(request).job(request, asked)
    if wanted.stream:
        events = stream_events(server, job, wanted, event)
        return StreamingResponse(events, media_type="text/event-stream")
    try:
        await common.until_final(request, server, job)
    except ClientDisconnect:
        repeats.of(request).hold(job)
        raise
    common.require_success(job)
    told = await facts(server, job, wanted)
    data = [{"b64_json": text} for text in await results(server, job, wanted)]
    return jsontext.with_pictures({"created": int(time.time()), "data": data, **told})


async def _form(request: Request, server: Services) -> FormData:
    limits = server.settings.limits
    body = read_chunks(request, limits.face_body, limits)
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise Unsupported("unsupported_media_type", "This call takes a form.", "Send multipart.")
    parser = MultiPartParser(
        request.headers,
        body,  # type: ignore[arg-type]
        max_files=MOST_FILES,
        max_fields=MOST_FIELDS,
    )
    try:
        return await parser.parse()
    except (MultiPartException, KeyError) as problem:
        raise BadInput(
            "bad_request", "The form cannot be read.", "Send multipart/form-data."
        ) from problem


async def _files(form: FormData) -> tuple[bytes, bytes | None]:
    """The picture and its mask."""
    files = [(name, value) for name, value in form.multi_items() if isinstance(value, UploadFile)]
    images = [value for name, value in files if name in PICTURES]
    masks = [value for name, value in files if name == "mask"]
    strays = [name for name, _ in files if name not in (*PICTURES, "mask")]
    if strays or len(masks) > 1:
        raise fields.bad_picture(
            strays[0][:64] if strays else "mask", "This file has no use here.", "Leave it out."
        )
    if len(images) != 1:
        raise fields.bad_picture(
            "image", f"One picture can be edited at a time, not {len(images)}.", "Send one “image”."
        )
    return await images[0].read(), await masks[0].read() if masks else None


async def _sources(
    server: Services, image: bytes, mask: bytes | None, wanted: Edit
) -> tuple[BlobRef, BlobRef | None]:
    """Source and mask as ours. Another size is reached by scaling and cropping to the middle."""
    size, kind = wanted.pixels, wanted.kind
    if size:
        refuse_huge(size, server.settings.limits.pixels)
    sent = await common.receive(server, image)
    own = Size(sent.width, sent.height)
    selected = await _mask(server, mask, own) if mask is not None else None
    source = BlobRef(blob=sent.id)
    common.refuse_form(kind, size or own)
    if size and size != own:
        source = await common.keep(server, await common.load_fitted(server, sent, size, "crop"))
        selected = None if selected is None else await common.fit(selected, size, "crop")
    return source, None if selected is None else await common.keep(server, selected)


async def _mask(server: Services, data: bytes, size: Size) -> np.ndarray:
    """`(h, w)` u8 or u16, white = regenerate, from a picture whose transparency says what to
    edit."""
    blob: Blob = await common.receive(server, data)
    if (blob.width, blob.height) != (size.width, size.height):
        raise fields.bad_picture(
            "mask",
            f"The mask is {blob.width} × {blob.height} px, its picture {size}.",
            "Send a mask of the same size.",
        )
    mask = await asyncio.to_thread(_transparent, server.blobs.file(blob))
    if mask is None:
        raise fields.bad_picture(
            "mask",
            "The mask has no transparent place: nothing is selected.",
            "Send a PNG whose transparent places say what is to be edited.",
        )
    return mask


def _transparent(file: PixelFile) -> np.ndarray | None:
    """White where the picture is transparent; None where it is nowhere."""
    from pentimento.imaging import bands, pixels

    picture = bands.of(file)
    if picture.is_opaque():
        return None
    alpha = bands.load_alpha(picture)
    return int(pixels.FULL[alpha.dtype]) - alpha


NO_TOKENS = {
    "input_tokens": 0,
    "input_tokens_details": {"image_tokens": 0, "text_tokens": 0},
    "output_tokens": 0,
    "total_tokens": 0,
}


async def results(server: Services, job: Job, wanted: Generate) -> list[jsontext.Base64]:
    """The finished pictures in the format asked for."""
    found = []
    for stored in job.state.images:
        async with server.pixel_turn():
            found.append(await common.result(server, job, stored, _form_of(wanted)))
    return found


def _form_of(wanted: Generate) -> common.Form:
    return common.Form(wanted.kind, wanted.compression)


async def facts(server: Services, job: Job, wanted: Generate) -> dict[str, Any]:
    """What is told of the pictures beside their pixels."""
    return _facts(job, wanted, await _size(server, job))


def _facts(job: Job, wanted: Generate, size: Size) -> dict[str, Any]:
    return {
        "background": "transparent" if _has_alpha(job, wanted) else "opaque",
        "output_format": wanted.output_format or "png",
        "quality": "auto",
        "size": f"{size.width}x{size.height}",
        "usage": NO_TOKENS,
    }


async def stream_events(
    server: Services, job: Job, wanted: Generate, name: str
) -> AsyncIterator[str | bytes]:
    """`name.partial_image` as often as asked for, evenly over the steps, then `name.completed`;
    an error event when the job does not succeed."""
    told, seen = 0, -1
    asked = wanted.partial_images or 0
    size = await _size(server, job)
    with job.followed():
        while not job.final and not server.stopping.is_set():
            rev = job.state.rev
            due = job.state.progress.fraction >= (told + 1) / (asked + 1)
            if told < asked and due and job.preview and job.preview_rev != seen:
                seen = job.preview_rev
                shown = await _partial(server, job, wanted, size, told)
                async for piece in _event(f"{name}.partial_image", shown):
                    yield piece
                told += 1
            patience = server.settings.limits.heartbeat
            await first_of(job.changed_after(rev, patience), server.stopping.wait())
            if job.state.rev == rev:
                yield sse.COMMENT
    try:
        if not job.final:
            raise Unavailable("shutting_down", "The server is ending.", "Start it again.")
        common.require_success(job)
    except PentimentoError as problem:
        async for piece in _event("error", {"type": "error", "error": errors.body(problem)}):
            yield piece
        return
    (picture,) = await results(server, job, wanted)
    async for piece in _event(
        f"{name}.completed", {"b64_json": picture, **_told(job, wanted, size)}
    ):
        yield piece


async def _partial(
    server: Services, job: Job, wanted: Generate, size: Size, index: int
) -> dict[str, Any]:
    """The newest preview at the size of the result."""
    assert job.preview is not None
    async with server.pixel_turn():
        packed = await asyncio.to_thread(
            common.resized, server, job.preview, size, _form_of(wanted)
        )
    told = {"b64_json": packed, "partial_image_index": index}
    return told | _told(job, wanted, size, usage=False)


def _told(job: Job, wanted: Generate, size: Size, *, usage: bool = True) -> dict[str, Any]:
    told = {"created_at": int(time.time()), **_facts(job, wanted, size)}
    return told if usage else {key: value for key, value in told.items() if key != "usage"}


async def _size(server: Services, job: Job) -> Size:
    """Of the result, which has its source's size where there is one."""
    request = job.request
    if request.source:
        source = await server.blobs.get(request.source.blob)
        return Size(source.width, source.height)
    return Size(request.width or 1, request.height or 1)


def _has_alpha(job: Job, wanted: Generate) -> bool:
    formats = {stored.format for stored in job.state.images}
    return wanted.kind != "JPEG" and any(format.startswith("rgba") for format in formats)


def _event(name: str, data: dict[str, Any]) -> AsyncIterator[bytes]:
    return jsontext.sent(sse.pieces(name, {"type": name, **data}))
