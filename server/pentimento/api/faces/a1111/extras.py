"""png-info, upscalers and extra-single-image: what A1111 does to pictures without a model."""

from __future__ import annotations

import asyncio
import io
from typing import TYPE_CHECKING, Annotated

from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pentimento.api import services
from pentimento.api.faces import pictures
from pentimento.api.faces.a1111 import infotext
from pentimento.api.faces.a1111.fields import Lenient, Side, unsupported
from pentimento.api.faces.running import read_body
from pentimento.errors import TooLarge
from pentimento.imaging.geometry import Size

if TYPE_CHECKING:
    import numpy as np

UPSCALERS = ("None", "Lanczos", "Nearest")
MOST_TEXT = 100_000  # characters of a PNG's text that are read


class PngInfo(Lenient):
    image: str


class Single(Lenient):
    image: str
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


async def upscalers(request: Request) -> Response:
    return JSONResponse(
        [
            {"name": name, "model_name": None, "model_path": None, "model_url": None, "scale": 4}
            for name in UPSCALERS
        ]
    )


async def png_info(request: Request) -> Response:
    """What is written in a picture; the settings of the text where it is A1111's or ours."""
    server = services.of(request)
    wanted = PngInfo.model_validate_json(await read_body(request, server))
    data = pictures.unpack(wanted.image)
    await pictures.receive(server, data)  # checks it
    items = await asyncio.to_thread(_texts, data)
    text = items.pop(infotext.KEYWORD, "")
    return JSONResponse({"info": text, "items": items, "parameters": infotext.parse(text)})


async def single_image(request: Request) -> Response:
    server = services.of(request)
    wanted = Single.model_validate_json(await read_body(request, server))
    _refuse(wanted)
    blob = await pictures.receive(server, pictures.unpack(wanted.image))
    size = _target(wanted, Size(blob.width, blob.height))
    if size.pixels > server.settings.limits.pixels:
        raise TooLarge("too_many_pixels", f"{size} px are more than the server makes.", "Ask less.")
    png = await asyncio.to_thread(_scaled, await pictures.load(server, blob), size, wanted)
    return JSONResponse({"html_info": "", "image": pictures.base64_of(png)})


def _refuse(wanted: Single) -> None:
    for field in ("gfpgan_visibility", "codeformer_visibility"):
        if getattr(wanted, field) > 0:
            raise unsupported(field, "Faces cannot be restored here")
    if wanted.upscaler_1 not in UPSCALERS:
        raise unsupported("upscaler_1", "This upscaler does not exist here")
    if wanted.extras_upscaler_2_visibility > 0 and wanted.upscaler_2 not in (None, "None"):
        raise unsupported("upscaler_2", "A second upscaler cannot be mixed in here")


def _target(wanted: Single, size: Size) -> Size:
    if wanted.upscaler_1 == "None":
        return size
    if wanted.resize_mode == 0:
        return size.scaled(wanted.upscaling_resize)
    if wanted.upscaling_crop:
        return Size(wanted.upscaling_resize_w, wanted.upscaling_resize_h)
    width, height = wanted.upscaling_resize_w, wanted.upscaling_resize_h
    return size.scaled(min(width / size.width, height / size.height))


def _scaled(picture: np.ndarray, size: Size, wanted: Single) -> bytes:
    import cv2

    from pentimento.imaging import pixels
    from pentimento.imaging.fit import fit

    if wanted.upscaler_1 == "Nearest":
        sides = (size.width, size.height)
        made = cv2.resize(picture, sides, interpolation=cv2.INTER_NEAREST)
    else:
        made = fit(picture, size, "crop")
    opaque = made[..., 3].min() == pixels.FULL[made.dtype]
    return pixels.encode_png(made[..., :3] if opaque else made)


def _texts(data: bytes) -> dict[str, str]:
    from PIL import Image

    image = Image.open(io.BytesIO(data))
    image.load()  # texts may stand behind the pixels
    texts = {name: value for name, value in image.info.items() if isinstance(value, str)}
    return {str(name)[:128]: value[:MOST_TEXT] for name, value in texts.items()}
