"""Pictures as faces get and give them: base64 in JSON, files in forms, arrays in between.

Every picture goes through the blobs, which check it before a pixel is decoded. Pixel work runs
off the event loop.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import io
import struct
import zlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from pentimento.api.services import Services
from pentimento.errors import BadInput
from pentimento.jobs.blobs import BlobType
from pentimento.jobs.job import Job
from pentimento.jobs.record import BlobRef, PixelFormat
from pentimento.jobs.results import as_png
from pentimento.jobs.state import Stored
from pentimento.jobs.store import Blob

if TYPE_CHECKING:
    import numpy as np

HEAD_BYTES = 33  # of a PNG: signature 8, then IHDR: length 4, name 4, data 13, CRC 4


def unpack(text: str) -> bytes:
    """The bytes of base64 or of a data URI. Addresses are never fetched."""
    if text.startswith(("http://", "https://", "file:")):
        raise BadInput(
            "bad_image",
            "The server does not fetch pictures from addresses.",
            "Send the picture itself, as base64.",
        )
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BadInput(
            "bad_image", "The picture is not valid base64.", "Encode it again."
        ) from None


async def receive(server: Services, data: bytes) -> Blob:
    """The picture as a blob; BadInput or TooLarge for what cannot be one."""
    from pentimento.imaging import decode  # Pillow: not before the first picture

    kind = decode.header(data).kind
    blob, _ = await server.blobs.receive(BlobType(kind), len(data), _once(data))
    return blob


async def keep(server: Services, picture: np.ndarray) -> BlobRef:
    """An `(h, w)` mask or an `(h, w, 4)` u8 or u16 picture as a raw blob."""
    height, width = picture.shape[:2]
    format = PixelFormat.Y_U8
    if picture.ndim == 3:
        format = PixelFormat.RGBA_U8 if picture.itemsize == 1 else PixelFormat.RGBA_U16
    data = picture.tobytes()
    kind = BlobType("raw", format, width, height)
    blob, _ = await server.blobs.receive(kind, len(data), _once(data))
    return BlobRef(blob=blob.id)


async def load(server: Services, blob: Blob) -> np.ndarray:
    """`(h, w, 4)` in the depth of the file."""
    from pentimento.imaging import pixels

    return await asyncio.to_thread(pixels.load, server.blobs.file(blob))


async def result_png(server: Services, job: Job, stored: Stored) -> bytes:
    """A result as PNG: the very file that was sent where nothing was changed."""
    file = server.results.file(job.id, stored)
    if stored.png:
        sent = file.path.with_name(stored.png)
        return await asyncio.to_thread(sent.read_bytes)
    return await asyncio.to_thread(as_png, file)


def encode(picture: bytes, kind: str, quality: int) -> bytes:
    """An encoded picture as `PNG`, `JPEG` or `WEBP`."""
    from PIL import Image

    if kind == "PNG" and picture.startswith(b"\x89PNG"):
        return picture
    image: Image.Image = Image.open(io.BytesIO(picture))
    if kind == "JPEG" and image.mode != "L":
        image = image.convert("RGB")
    target = io.BytesIO()
    image.save(target, kind, quality=quality)
    return target.getvalue()


def resized(picture: bytes, width: int, height: int) -> bytes:
    """An encoded picture as PNG of that size; for previews, which are small."""
    from PIL import Image

    target = io.BytesIO()
    Image.open(io.BytesIO(picture)).resize((width, height)).save(target, "PNG")
    return target.getvalue()


def with_text(png: bytes, keyword: str, text: str) -> bytes:
    """The PNG with an iTXt chunk (PNG specification, 11.3.4.5) right after its header."""
    data = keyword.encode("latin-1") + b"\0\0\0\0\0" + text.encode()
    body = b"iTXt" + data
    chunk = struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))
    return png[:HEAD_BYTES] + chunk + png[HEAD_BYTES:]


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data
