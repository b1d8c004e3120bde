"""POST images/generations and images/edits: a job of the queue, and its pictures as base64."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from pentimento.api import services
from pentimento.api.bodies import read_chunks
from pentimento.api.faces import pictures, running
from pentimento.api.faces.openai import fields, repeats, stream
from pentimento.api.faces.openai.fields import Edit, Generate
from pentimento.api.services import Services
from pentimento.errors import BadInput, Unsupported
from pentimento.imaging.geometry import Size
from pentimento.jobs.record import BlobRef, JobRequest, Mode
from pentimento.jobs.store import Blob
from pentimento.models import Registry

if TYPE_CHECKING:
    import numpy as np

CLIENT = "openai"  # of its jobs
PICTURES = ("image", "image[]")
MOST_FILES, MOST_FIELDS = 20, 40


async def generate(request: Request) -> Response:
    server = services.of(request)
    if not request.headers.get("content-type", "").lower().startswith("application/json"):
        raise Unsupported("unsupported_media_type", "This call takes JSON only.", "Send JSON.")
    wanted = Generate.model_validate_json(await running.read_body(request, server))
    fields.refuse_unknown_arts(wanted, edits=False)
    size = wanted.pixels
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
        fields.refuse_unknown_arts(wanted, edits=True)
        image, mask = await _files(form)
    finally:
        await form.close()
    source, selected = await _sources(server, image, mask, wanted.pixels)
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
        events = stream.events(server, job, wanted, event)
        return StreamingResponse(events, media_type="text/event-stream")
    try:
        await running.until_final(request, server, job)
    except ClientDisconnect:
        repeats.of(request).hold(job)
        raise
    running.require_success(job)
    told = await stream.facts(server, job, wanted)
    data = [{"b64_json": text} for text in await stream.results(server, job, wanted)]
    return JSONResponse({"created": int(time.time()), "data": data, **told})


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
    server: Services, image: bytes, mask: bytes | None, size: Size | None
) -> tuple[BlobRef, BlobRef | None]:
    """Source and mask as ours. Another size is reached by scaling and cropping to the middle."""
    sent = await pictures.receive(server, image)
    own = Size(sent.width, sent.height)
    selected = await _mask(server, mask, own) if mask is not None else None
    source = BlobRef(blob=sent.id)
    if size and size != own:
        source = await pictures.keep(
            server, await _cropped(await pictures.load(server, sent), size)
        )
        selected = None if selected is None else await _cropped(selected, size)
    return source, None if selected is None else await pictures.keep(server, selected)


async def _mask(server: Services, data: bytes, size: Size) -> np.ndarray:
    """`(h, w)` u8, white = regenerate, from a picture whose transparency says what to edit."""
    import numpy as np

    from pentimento.imaging import pixels

    blob: Blob = await pictures.receive(server, data)
    if (blob.width, blob.height) != (size.width, size.height):
        raise fields.bad_picture(
            "mask",
            f"The mask is {blob.width} × {blob.height} px, its picture {size}.",
            "Send a mask of the same size.",
        )
    mask: np.ndarray = 255 - pixels.to_depth(await pictures.load(server, blob), np.uint8)[..., 3]
    if not mask.any():
        raise fields.bad_picture(
            "mask",
            "The mask has no transparent place: nothing is selected.",
            "Send a PNG whose transparent places say what is to be edited.",
        )
    return mask


async def _cropped(picture: np.ndarray, size: Size) -> np.ndarray:
    from pentimento.imaging.fit import fit

    return await asyncio.to_thread(fit, picture, size, "crop")
