"""Small conversions of pictures that services ask for; for adapters."""

from __future__ import annotations

import base64
import io

from PIL import Image

from pentimento.core import dataurl
from pentimento.services.problems import RemoteProblem


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def from_base64(text: object, bad: RemoteProblem) -> bytes:
    """The bytes of base64 or of a data URI; raises `bad` for anything else."""
    if not isinstance(text, str):
        raise bad
    try:
        return dataurl.read(text)
    except ValueError:
        raise bad from None


def data_uri(png: bytes) -> str:
    return f"data:image/png;base64,{base64_of(png)}"


def transparent_where_white(mask: bytes) -> bytes:
    """A grey PNG mask as an RGBA PNG whose transparent places are those to be repainted. They are
    white, too, for servers that read a mask's color (stable-diffusion.cpp) and not its alpha."""
    grey = Image.open(io.BytesIO(mask)).convert("L")
    picture = Image.merge("RGB", (grey, grey, grey))
    picture.putalpha(grey.point(lambda value: 255 - value))
    return _encoded(picture, "PNG")


def inverted(mask: bytes) -> bytes:
    """A grey PNG mask with black and white exchanged."""
    grey = Image.open(io.BytesIO(mask)).convert("L")
    return _encoded(grey.point(lambda value: 255 - value), "PNG")


def as_webp(png: bytes) -> bytes:
    """Without loss."""
    return _encoded(Image.open(io.BytesIO(png)), "WEBP", lossless=True)


def _encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    target = io.BytesIO()
    picture.save(target, kind, **options)
    return target.getvalue()
