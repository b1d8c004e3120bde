"""What the other programs' APIs share: one job inside a single HTTP call, and pictures as they give
and get them (base64 in JSON, files in forms).

Their jobs are interactive: a client that hangs up ends its job a few seconds later, unless it comes
back for it. Every picture goes through the blobs, which check it before a pixel is decoded. Pixel
work runs off the event loop.
"""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from pydantic import BaseModel
from starlette.requests import ClientDisconnect, Request

from pentimento.api import jsontext
from pentimento.api.bodies import read_text
from pentimento.api.routes.jobs import first_of, gone
from pentimento.api.services import Services
from pentimento.core import dataurl
from pentimento.core.errors import BadInput, Conflict, JobFailed, Unavailable
from pentimento.core.geometry import Size
from pentimento.jobs.blobs import BlobType
from pentimento.jobs.job import Job, Stored
from pentimento.jobs.store import Blob
from pentimento.schema.job import BlobRef, JobStatus, PixelFormat

if TYPE_CHECKING:
    import numpy as np

    from pentimento.imaging.bands import Bands
    from pentimento.imaging.resize import Way
    from pentimento.schema.task import PixelFile

M = TypeVar("M", bound=BaseModel)

LOOK_AGAIN = 60.0  # s; a wait for a change that starts over


async def read_json(request: Request, model: type[M], server: Services) -> M:
    """JSON with pictures in it, so it may be long; whatever type the client says it has."""
    body = await read_body(request, server)
    if len(body) < PART:
        return jsontext.read(model, body)
    return await asyncio.to_thread(jsontext.read, model, body)


async def read_body(request: Request, server: Services) -> bytes:
    limits = server.settings.limits
    return await read_text(request, limits.face_body, limits)


async def until_final(request: Request, server: Services, job: Job) -> None:
    """Raises ClientDisconnect when nobody waits any more, Unavailable when the server ends."""
    with job.followed():
        await first_of(_final(job), server.stopping.wait(), gone(request))
    if not job.final:
        if server.stopping.is_set():
            raise Unavailable("shutting_down", "The server is ending.", "Start it again.")
        raise ClientDisconnect


def require_success(job: Job) -> None:
    """Raises what the job's failure says, and Conflict for a cancelled one."""
    if job.state.status is JobStatus.CANCELLED:
        raise Conflict("cancelled", "The job was cancelled.", "Send it again.")
    if error := job.state.error:
        raise failure(error)


def failure(error: dict[str, Any]) -> JobFailed:
    return JobFailed(error["code"], error["message"], error["hint"], details=error["details"])


async def _final(job: Job) -> None:
    while not job.final:
        await job.changed_after(job.state.rev, LOOK_AGAIN)


WEBP_SIDE = 16_383  # px, the most that the format can say
WEBP_PIXELS = 25_000_000  # libwebp takes 25 bytes for each, and minutes
PARAMETERS = "parameters"  # of generation data, as A1111 names it
BYTES = {PixelFormat.Y_U8: 1, PixelFormat.RGBA_U8: 4, PixelFormat.RGBA_U16: 8}  # a pixel
PART = 2**20  # bytes of a picture that are looked at between two other calls


async def unpack(text: str) -> bytes:
    """The bytes of base64 or of a data URL. Addresses are never fetched."""
    if text[:16].lstrip().lower().startswith(("http://", "https://", "file:")):
        raise BadInput(
            "bad_image",
            "The server does not fetch pictures from addresses.",
            "Send the picture itself, as base64.",
        )
    try:
        return await asyncio.to_thread(dataurl.read, text)
    except ValueError:
        raise BadInput(
            "bad_image", "The picture is not valid base64.", "Encode it again."
        ) from None


async def receive(server: Services, data: bytes) -> Blob:
    """The picture as a blob; BadInput or TooLarge for what cannot be one."""
    kind = await asyncio.to_thread(_kind, data)
    return (await server.blobs.receive(BlobType(kind), len(data), _once(data))).blob


def _kind(data: bytes) -> str:
    # Pillow and OpenCV: not before the first picture, and not on the event loop, which would
    # stand still for as long as they take to load
    from pentimento.imaging import file_header

    return file_header.header(data).kind


async def keep(server: Services, picture: np.ndarray) -> BlobRef:
    """An `(h, w)` mask or an `(h, w, 4)` picture, u8 or u16, as a raw blob."""
    height, width = picture.shape[:2]
    format = PixelFormat.Y_U8
    if picture.ndim == 3:
        format = PixelFormat.RGBA_U8 if picture.itemsize == 1 else PixelFormat.RGBA_U16
    elif picture.itemsize == 2:  # no raw format is as deep without colours
        format = PixelFormat.RGBA_U16
    kind = BlobType("raw", format, width, height)
    size = width * height * BYTES[format]
    received = await server.blobs.receive(kind, size, _as_raw(picture, format))
    return BlobRef(blob=received.blob.id)


async def _as_raw(picture: np.ndarray, format: PixelFormat) -> AsyncIterator[bytes]:
    """Some rows at a time: a copy in the other format would be as large again."""
    step = max(1, PART // (picture.shape[1] * BYTES[format]))
    for top in range(0, len(picture), step):
        yield await asyncio.to_thread(_converted, picture[top : top + step], format)


def _converted(rows: np.ndarray, format: PixelFormat) -> bytes:
    from pentimento.imaging import pixels

    return pixels.convert(rows if rows.ndim == 3 else rows[..., None], format).tobytes()


async def load(server: Services, blob: Blob) -> np.ndarray:
    """`(h, w, 4)` in the depth of the file."""
    return await asyncio.to_thread(_load, server.blobs.file(blob))


def _load(file: PixelFile) -> np.ndarray:
    from pentimento.imaging import bands

    return bands.load(file)


async def load_fitted(server: Services, blob: Blob, size: Size, way: Way) -> np.ndarray:
    """The same at another size."""
    return await asyncio.to_thread(_load_fitted, server.blobs.file(blob), size, way)


def _load_fitted(file: PixelFile, size: Size, way: Way) -> np.ndarray:
    from pentimento.imaging import bands

    return bands.load_fitted(file, size, way)


async def fit(picture: np.ndarray, size: Size, way: Way) -> np.ndarray:
    """Pixels in memory at another size."""
    return await asyncio.to_thread(_fit, picture, size, way)


def _fit(picture: np.ndarray, size: Size, way: Way) -> np.ndarray:
    from pentimento.imaging import resize

    return resize.fit(picture, size, way)


@dataclass(frozen=True, slots=True)
class Form:
    """How an answer has its pictures: as `PNG`, `JPEG` or `WEBP`. `text` takes the place of their
    generation data, where A1111's readers look: in `parameters` of a PNG, else in EXIF."""

    kind: str = "PNG"
    quality: int = 100
    text: str | None = None


def refuse_form(kind: str, size: Size) -> None:
    """Raises BadInput where pictures of this size cannot be had so; best asked before the work."""
    if kind == "WEBP" and (size.longest > WEBP_SIDE or size.pixels > WEBP_PIXELS):
        raise BadInput(
            "unsupported",
            f"{size} px are too many for a WebP: it has at most {WEBP_SIDE} px a side here, and "
            f"{WEBP_PIXELS // 10**6} megapixels.",
            "Ask for PNG or JPEG.",
        )


async def result(server: Services, job: Job, stored: Stored, form: Form) -> jsontext.Base64:
    """A picture of a job; a PNG is the very file that was sent where nothing was changed."""
    return await asyncio.to_thread(_result, server, job, stored, form)


def _result(server: Services, job: Job, stored: Stored, form: Form) -> jsontext.Base64:
    from pentimento.imaging import bands, png_chunks
    from pentimento.jobs.results import profile_of

    file = server.results.file(job.id, stored)
    if form.kind != "PNG" or not stored.png:
        profile = profile_of(file)
        return encode(server, bands.of(file), profile.data if profile else None, form)
    sent = file.path.with_name(stored.png)
    if form.text is None:
        return jsontext.Base64(sent.open("rb"))
    out = server.results.scratch()
    out.writelines(png_chunks.parts_with_text(sent.read_bytes(), PARAMETERS, form.text))
    return jsontext.Base64(out)


def encode(
    server: Services, picture: Bands, profile: bytes | None, form: Form | None = None
) -> jsontext.Base64:
    """In the form asked for, with its profile. Raises BadInput where that cannot hold it."""
    from pentimento.imaging import bands

    form = form or Form()
    out = server.results.scratch()
    if form.kind == "PNG":
        bands.write_png(out, picture, profile, {PARAMETERS: form.text} if form.text else None)
    else:
        _write_small(out, picture, profile, form)
    return jsontext.Base64(out)


def _write_small(out: BinaryIO, picture: Bands, profile: bytes | None, form: Form) -> None:
    """Of 8 bits a channel, by Pillow."""
    from PIL import Image

    from pentimento.imaging import bands, user_comment

    refuse_form(form.kind, picture.size)
    values = bands.load_u8(picture, 3 if form.kind == "JPEG" else picture.channels)
    image = Image.fromarray(values if values.shape[2] > 1 else values[..., 0])
    del values
    exif = user_comment.write(form.text) if form.text else b""
    image.save(out, form.kind, quality=form.quality, icc_profile=profile, exif=exif)


def texts(picture: bytes) -> dict[str, str]:
    """The words in an encoded picture by their names; `parameters` are its EXIF comment where there
    are no others of that name, as with A1111."""
    from PIL import Image

    from pentimento.imaging import png_chunks

    if png_chunks.is_png(picture):
        exif = png_chunks.facts(picture).exif
        return _commented(exif) | png_chunks.texts(picture)
    with Image.open(io.BytesIO(picture)) as image:
        words = image.info.items()
        told = {str(name): value for name, value in words if isinstance(value, str)}
        comment = image.info.get("comment")
        if isinstance(comment, bytes):
            told["comment"] = comment.decode("utf-8", "replace")
        exif = image.info.get("exif")
    return told | _commented(exif)


def _commented(exif: bytes | None) -> dict[str, str]:
    from pentimento.imaging import user_comment

    written = user_comment.read(exif) if exif else None
    return {PARAMETERS: written} if written else {}


def resized(server: Services, picture: bytes, size: Size, form: Form) -> jsontext.Base64:
    """An encoded picture, a preview, at another size."""
    import numpy as np
    from PIL import Image

    from pentimento.imaging import bands, decode

    with Image.open(io.BytesIO(picture)) as image:
        values = np.asarray(image.convert("RGB").resize((size.width, size.height)))
    return encode(server, bands.of_values(decode.Decoded(values)), None, form)


def base64_of(data: bytes) -> str:
    """For previews, which are small; other pictures go out as `jsontext.Base64`."""
    return base64.b64encode(data).decode("ascii")


async def _once(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), PART):
        yield data[start : start + PART]
