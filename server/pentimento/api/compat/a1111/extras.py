"""png-info, upscalers, extra-single-image and extra-batch-images: what A1111 does to pictures
without a model. Upscalers that were trained run as jobs of the queue."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from pentimento.api import jsontext, services
from pentimento.api.compat import common
from pentimento.api.compat.a1111 import infotext
from pentimento.api.compat.a1111.fields import MOST_SENT, Lenient, Side, unsupported
from pentimento.api.compat.a1111.options import CLIENT
from pentimento.api.compat.common import read_json
from pentimento.api.jsontext import JSONAnswer
from pentimento.api.services import Services
from pentimento.core.geometry import Size
from pentimento.imaging.sizing import refuse_huge
from pentimento.jobs.job import Job
from pentimento.jobs.store import Blob
from pentimento.schema.job import MAX_SCALE, BlobRef, JobRequest, Mode

UPSCALERS = ("None", "Lanczos", "Nearest")
MOST_TEXT = 100_000  # characters of a text that are read


class PngInfo(Lenient):
    image: str


class ExtrasFields(Lenient):
    resize_mode: Annotated[int, Field(ge=0, le=1)] = 0  # 0 by a factor, 1 to a size
    upscaling_resize: Annotated[float, Field(ge=0.1, le=8)] = 2
    upscaling_resize_w: Side = 512
    upscaling_resize_h: Side = 512
    upscaling_crop: bool = True
    upscaler_1: str = "None"
    upscaler_2: str | None = "None"
    extras_upscaler_2_visibility: float = 0
    gfpgan_visibility: float = 0
    codeformer_visibility: float = 0


class Single(ExtrasFields):
    image: str


class Named(Lenient):
    data: str
    name: str = ""


class Batch(ExtrasFields):
    imageList: Annotated[list[Named], Field(max_length=MOST_SENT)]


async def upscalers(request: Request) -> Response:
    known = await asyncio.to_thread(services.of(request).registry.upscalers.list)
    names = [*UPSCALERS, *(one.id for one in known if one.ok)]
    return JSONAnswer(
        [
            {"name": name, "model_name": None, "model_path": None, "model_url": None, "scale": 4}
            for name in names
        ]
    )


async def png_info(request: Request) -> Response:
    """What is written in a picture; the settings of the text where it is A1111's or ours."""
    server = services.of(request)
    wanted = await read_json(request, PngInfo, server)
    data = await common.unpack(wanted.image)
    await common.receive(server, data)  # checks it
    return JSONAnswer(await asyncio.to_thread(_told, data))


async def single_image(request: Request) -> Response:
    server = services.of(request)
    wanted = await read_json(request, Single, server)
    upscaler = await asyncio.to_thread(_upscaler, wanted, server)
    packed = await _enlarged(request, server, wanted, upscaler, wanted.image)
    return jsontext.with_pictures({"html_info": "", "image": packed})


async def batch_images(request: Request) -> Response:
    server = services.of(request)
    wanted = await read_json(request, Batch, server)
    upscaler = await asyncio.to_thread(_upscaler, wanted, server)
    made = [
        await _enlarged(request, server, wanted, upscaler, one.data) for one in wanted.imageList
    ]
    return jsontext.with_pictures({"html_info": "", "images": made})


async def _enlarged(
    request: Request, server: Services, wanted: ExtrasFields, upscaler: str | None, picture: str
) -> jsontext.Base64:
    """One picture; `upscaler` is the id of a trained one."""
    blob = await common.receive(server, await common.unpack(picture))
    own = Size(blob.width, blob.height)
    size = _target(wanted, own)
    refuse_huge(size, server.settings.limits.pixels)
    if upscaler is None or size == own:
        async with server.pixel_turn():
            return await asyncio.to_thread(_scaled, server, blob, size, wanted)
    scale = max(size.width / own.width, size.height / own.height)
    asked = JobRequest(
        mode=Mode.UPSCALE,
        source=BlobRef(blob=blob.id),
        scale=min(max(scale, 1.0), MAX_SCALE),
        upscaler=upscaler,
        interactive=True,
        client=CLIENT,
    )
    job = await server.queue.submit(asked)
    await common.until_final(request, server, job)
    common.require_success(job)
    async with server.pixel_turn():
        return await asyncio.to_thread(_fitted, server, job, size)


def _fitted(server: Services, job: Job, size: Size) -> jsontext.Base64:
    """A job's result at exactly this size."""
    from pentimento.imaging import bands, decode
    from pentimento.jobs.results import profile_of

    file = server.results.file(job.id, job.state.images[0])
    profile = profile_of(file)
    data = profile.data if profile else None
    if (file.width, file.height) == (size.width, size.height):
        return common.encode(server, bands.of(file), data)
    made = bands.load_fitted(file, size, "crop")
    return common.encode(server, bands.of_values(decode.Decoded(made)), data)


def _upscaler(wanted: ExtrasFields, server: Services) -> str | None:
    """The id of a trained upscaler; None for arithmetic. Raises BadInput for what is not there."""
    _refuse(wanted)
    if wanted.upscaler_1 in UPSCALERS:
        return None
    known = [one for one in server.registry.upscalers.list() if one.ok]
    found = next((one for one in known if wanted.upscaler_1 in (one.id, one.title)), None)
    if found is None:
        raise unsupported("upscaler_1", "This upscaler does not exist here")
    return found.id


def _refuse(wanted: ExtrasFields) -> None:
    for field in ("gfpgan_visibility", "codeformer_visibility"):
        if getattr(wanted, field) > 0:
            raise unsupported(field, "Faces cannot be restored here")
    if wanted.extras_upscaler_2_visibility > 0 and wanted.upscaler_2 not in (None, "None"):
        raise unsupported("upscaler_2", "A second upscaler cannot be mixed in here")


def _target(wanted: ExtrasFields, size: Size) -> Size:
    if wanted.upscaler_1 == "None":
        return size
    if wanted.resize_mode == 0:
        return size.scaled(wanted.upscaling_resize)
    if wanted.upscaling_crop:
        return Size(wanted.upscaling_resize_w, wanted.upscaling_resize_h)
    width, height = wanted.upscaling_resize_w, wanted.upscaling_resize_h
    return size.scaled(min(width / size.width, height / size.height))


def _scaled(server: Services, blob: Blob, size: Size, wanted: ExtrasFields) -> jsontext.Base64:
    import cv2

    from pentimento.imaging import bands, decode

    file = server.blobs.file(blob)
    if wanted.upscaler_1 == "Nearest":
        sides = (size.width, size.height)
        made = cv2.resize(bands.load(file), sides, interpolation=cv2.INTER_NEAREST)
    else:
        made = bands.load_fitted(file, size, "crop")
    picture = bands.of_values(decode.Decoded(made))
    return common.encode(server, picture.without_alpha() if picture.is_opaque() else picture, None)


def _told(data: bytes) -> dict[str, Any]:
    items = {name[:128]: text[:MOST_TEXT] for name, text in common.texts(data).items()}
    text = items.pop(common.PARAMETERS, None) or items.get("comment", "")
    return {"info": text, "items": items, "parameters": infotext.parse(text)}
