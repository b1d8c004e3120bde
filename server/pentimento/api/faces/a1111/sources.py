"""A1111's picture, mask and sizes as a source and a mask of ours.

A1111 brings the picture to the size asked for, or ("only masked", `inpaint_full_res`) renders the
masked part alone and pastes it back into the picture as it was sent. The part we render has the
context that our own sizing rule gives it; its size is the picture's, whatever width and height say.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from pentimento.api.faces import pictures
from pentimento.api.faces.a1111 import fields
from pentimento.api.services import Services
from pentimento.errors import BadInput
from pentimento.imaging.geometry import Box, Size
from pentimento.imaging.sizing import context_box
from pentimento.jobs.job import Job
from pentimento.jobs.record import BlobRef, MaskOptions
from pentimento.jobs.state import Stored
from pentimento.jobs.store import Blob

if TYPE_CHECKING:
    import numpy as np

DEFAULT_STRENGTH = 0.75
WAYS: tuple[Literal["stretch", "crop", "pad"], ...] = ("stretch", "crop", "pad")  # resize_mode
FEATHER_PER_BLUR = (
    3.5  # our feather of r px is a Gaussian of sigma r / 3.5, A1111's blur is a sigma
)
FILL, ORIGINAL = 0, 1  # inpainting_fill; 2 and 3 begin with noise, as strength 1 does


@dataclass(frozen=True, slots=True)
class Paste:
    """A result that covers only `box` of the picture as it was sent."""

    picture: np.ndarray
    box: Box

    async def result_png(self, server: Services, job: Job, stored: Stored) -> bytes:
        return await asyncio.to_thread(self._png, server, job, stored)

    def _png(self, server: Services, job: Job, stored: Stored) -> bytes:
        from pentimento.imaging import pixels

        part = pixels.load(server.results.file(job.id, stored))
        whole = pixels.to_depth(self.picture, part.dtype).copy()
        box = self.box
        whole[box.y : box.bottom, box.x : box.right] = part
        opaque = whole[..., 3].min() == pixels.FULL[whole.dtype]
        return pixels.encode_png(whole[..., :3] if opaque else whole)


@dataclass(frozen=True, slots=True)
class Prepared:
    """`box` is the part of the picture of size `whole` that is the source."""

    source: BlobRef
    whole: Size
    box: Box
    mask: BlobRef | None = None
    mask_options: MaskOptions = field(default_factory=MaskOptions)
    paste: Paste | None = None


async def prepare(
    server: Services, wanted: fields.Img2Img, picture: str, model: str | None
) -> Prepared:
    """Raises BadInput for pictures that cannot be read or a mask that selects nothing."""
    sent = await pictures.receive(server, pictures.unpack(picture))
    own = Size(sent.width, sent.height)
    size = Size(wanted.width or own.width, wanted.height or own.height)
    if not wanted.mask:
        return Prepared(await _fitted(server, sent, size, wanted.resize_mode), size, _all(size))
    mask = await _mask(server, wanted, own)
    options = MaskOptions(feather=round(FEATHER_PER_BLUR * (wanted.mask_blur or 0)))
    if wanted.inpaint_full_res:
        return await _part(server, wanted, sent, mask, options, model)
    fitted = mask if size == own else await _fit(mask, size, wanted.resize_mode)
    if size == own and not _fills(wanted):
        source = BlobRef(blob=sent.id)  # the very file that was sent
    else:
        whole = await _fit(await pictures.load(server, sent), size, wanted.resize_mode)
        source = await pictures.keep(server, await _filled(whole, fitted, wanted))
    return Prepared(source, size, _all(size), await pictures.keep(server, fitted), options)


def _all(size: Size) -> Box:
    return Box(0, 0, size.width, size.height)


async def _fitted(server: Services, sent: Blob, size: Size, mode: int) -> BlobRef:
    if size == Size(sent.width, sent.height):
        return BlobRef(blob=sent.id)
    return await pictures.keep(server, await _fit(await pictures.load(server, sent), size, mode))


async def _part(
    server: Services,
    wanted: fields.Img2Img,
    sent: Blob,
    mask: np.ndarray,
    options: MaskOptions,
    model: str | None,
) -> Prepared:
    """The masked part with its context, and how it goes back."""
    from pentimento.imaging import masks

    whole = Box(0, 0, sent.width, sent.height)
    bounds = masks.bounds(mask)
    if bounds is None:
        raise BadInput("bad_mask", "The mask has no white: nothing is selected.", "Paint in white.")
    limits = await asyncio.to_thread(_model_limits, server, model)
    reach = (wanted.inpaint_full_res_padding or 0) + options.feather
    inside = bounds.pad(reach).intersect(whole)
    box = context_box(inside or bounds, whole, limits)
    picture = await pictures.load(server, sent)
    rows, columns = slice(box.y, box.bottom), slice(box.x, box.right)
    selected = mask[rows, columns]
    source = await _filled(picture[rows, columns], selected, wanted)
    return Prepared(
        await pictures.keep(server, source),
        Size(sent.width, sent.height),
        box,
        await pictures.keep(server, selected),
        options,
        Paste(picture, box),
    )


def _model_limits(server: Services, model: str | None):  # type: ignore[no-untyped-def]
    return server.registry.get(model or server.registry.default_id)


async def _mask(server: Services, wanted: fields.Img2Img, size: Size) -> np.ndarray:
    """`(h, w)` u8 of the picture's size, white = repaint. As in A1111 a mask with transparency
    counts by its alpha, any other by its luminance."""
    import numpy as np

    from pentimento.imaging import pixels

    sent = await pictures.receive(server, pictures.unpack(wanted.mask or ""))
    picture = pixels.to_depth(await pictures.load(server, sent), np.uint8)
    if picture[..., 3].min() < 255:
        mask = picture[..., 3]
    else:
        mask = pixels.load_mask(server.blobs.file(sent))
    if wanted.inpainting_mask_invert:
        mask = 255 - mask
    return await _fit(mask, size, 0)


async def _fit(picture: np.ndarray, size: Size, mode: int) -> np.ndarray:
    from pentimento.imaging.fit import fit

    return await asyncio.to_thread(fit, picture, size, WAYS[mode])


def _fills(wanted: fields.Img2Img) -> bool:
    """Whether the masked area is to begin as its surroundings. At strength 1 all begin as noise."""
    strength = wanted.denoising_strength
    if (DEFAULT_STRENGTH if strength is None else strength) >= 1:
        return False
    if (wanted.inpainting_fill or FILL) > ORIGINAL:
        raise fields.unsupported(
            "inpainting_fill", "“Latent noise” and “latent nothing” exist at strength 1 only"
        )
    return (wanted.inpainting_fill or FILL) == FILL


async def _filled(picture: np.ndarray, mask: np.ndarray, wanted: fields.Img2Img) -> np.ndarray:
    if not _fills(wanted):
        return picture
    return await asyncio.to_thread(_spread, picture, mask)


def _spread(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The picture with its surroundings' colours where the mask is."""
    from pentimento.imaging import pixels
    from pentimento.imaging.fill import fill_transparent

    values = pixels.to_float(picture)
    kept = 1 - pixels.to_float(mask[..., None])[..., 0]
    filled = values.copy()
    filled[..., :3] = fill_transparent(values[..., :3], kept * values[..., 3])
    result = pixels.to_depth(filled, picture.dtype)
    result[mask == 0] = picture[mask == 0]
    return result
