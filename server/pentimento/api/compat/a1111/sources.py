"""A1111's picture, mask and sizes as a source and a mask of ours.

A1111 brings the picture to the size asked for, or ("only masked", `inpaint_full_res`) renders the
masked part alone and pastes it back into the picture as it was sent. The part we render has the
context that our own sizing rule gives it; its size is the picture's, whatever width and height say.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from pentimento.api import jsontext
from pentimento.api.compat import common
from pentimento.api.compat.a1111 import fields
from pentimento.api.services import Services
from pentimento.core.errors import BadInput
from pentimento.core.geometry import Box, Size
from pentimento.imaging.context_box import context_box
from pentimento.imaging.sizing import refuse_huge
from pentimento.jobs.job import Job, Stored
from pentimento.jobs.store import Blob
from pentimento.schema.job import BlobRef, MaskOptions

if TYPE_CHECKING:
    import numpy as np

    from pentimento.imaging.bands import Bands
    from pentimento.schema.task import PixelFile

DEFAULT_STRENGTH = 0.75
WAYS: tuple[Literal["stretch", "crop", "pad"], ...] = ("stretch", "crop", "pad")  # resize_mode
FEATHER_PER_BLUR = (
    3.5  # our feather of r px is a Gaussian of sigma r / 3.5, A1111's blur is a sigma
)
FILL, ORIGINAL = 0, 1  # inpainting_fill; 2 and 3 begin with noise, as strength 1 does


@dataclass(frozen=True, slots=True)
class Paste:
    """A result that covers only `box` of the picture as it was sent, in base64. What did not change
    keeps the numbers and the profile of that."""

    sent: str
    box: Box

    async def result(
        self, server: Services, job: Job, stored: Stored, form: common.Form
    ) -> jsontext.Base64:
        data = await common.unpack(self.sent)
        file = server.results.file(job.id, stored)
        return await asyncio.to_thread(self._pasted, server, data, file, form)

    def _pasted(
        self, server: Services, data: bytes, file: PixelFile, form: common.Form
    ) -> jsontext.Base64:
        from pentimento.imaging import bands, file_header

        part = bands.load(file)
        sent = bands.of_data(data, file_header.header(data).size)
        profile = next(sent.own()).profile
        whole = bands.Bands(
            *(sent.size, 4, part.dtype), lambda: self._rows(sent, part), None, sent.notices
        )
        picture = whole.without_alpha() if whole.is_opaque() else whole
        return common.encode(server, picture, profile.data if profile else None, form)

    def _rows(self, sent: Bands, part: np.ndarray) -> Iterator[np.ndarray]:
        """`(rows, w, 4)` of the picture that was sent, with `part` in its box."""
        from pentimento.imaging import decode, pixels

        columns, top = slice(self.box.x, self.box.right), 0
        for own in sent.own():
            rows = pixels.to_depth(own.picture, part.dtype).copy()
            first, last = max(self.box.y, top), min(self.box.bottom, top + len(rows))
            if first < last:
                here, new = (
                    slice(first - top, last - top),
                    part[first - self.box.y :][: last - first],
                )
                shown = decode.Own(own.picture[here, columns], own.profile).srgb()
                changed = (new != pixels.to_depth(shown, part.dtype)).any(axis=2)
                if own.profile is not None:
                    colours = own.profile.from_srgb(pixels.to_float(new[..., :3]))
                    new = new.copy()  # bands are asked for twice
                    new[..., :3] = pixels.to_depth(colours, part.dtype)
                rows[here, columns][changed] = new[changed]
            yield rows
            top += len(own.picture)


@dataclass(frozen=True, slots=True)
class PreparedSource:
    """`box` is the part of the picture of size `whole` that is the source."""

    source: BlobRef
    whole: Size
    box: Box
    mask: BlobRef | None = None
    mask_options: MaskOptions = field(default_factory=MaskOptions)
    paste: Paste | None = None


async def prepare(
    server: Services, wanted: fields.Img2Img, picture: str, model: str | None
) -> PreparedSource:
    """Raises BadInput for pictures that cannot be read or a mask that selects nothing."""
    sent = await common.receive(server, await common.unpack(picture))
    own = Size(sent.width, sent.height)
    size = Size(wanted.width or own.width, wanted.height or own.height)
    refuse_huge(size, server.settings.limits.pixels)
    if not wanted.mask:
        return PreparedSource(
            await _fitted(server, sent, size, wanted.resize_mode), size, _all(size)
        )
    mask = await _mask(server, wanted, own)
    across, down = wanted.blur
    options = MaskOptions(feather=round(FEATHER_PER_BLUR * across) if across == down else 0)
    if wanted.inpaint_full_res:
        return await _part(server, wanted, picture, sent, mask, options, model)
    fitted = mask if size == own else await common.fit(mask, size, WAYS[wanted.resize_mode])
    if size == own and not _fills(wanted):
        source = BlobRef(blob=sent.id)  # the very file that was sent
    else:
        whole = await common.load_fitted(server, sent, size, WAYS[wanted.resize_mode])
        source = await common.keep(server, await _filled(whole, fitted, wanted))
        del whole  # before the mask is kept: both are large
    return PreparedSource(source, size, _all(size), await common.keep(server, fitted), options)


def _all(size: Size) -> Box:
    return Box(0, 0, size.width, size.height)


async def _fitted(server: Services, sent: Blob, size: Size, mode: int) -> BlobRef:
    if size == Size(sent.width, sent.height):
        return BlobRef(blob=sent.id)
    return await common.keep(server, await common.load_fitted(server, sent, size, WAYS[mode]))


async def _part(
    server: Services,
    wanted: fields.Img2Img,
    text: str,
    sent: Blob,
    mask: np.ndarray,
    options: MaskOptions,
    model: str | None,
) -> PreparedSource:
    """The masked part with its context, and how it goes back."""
    whole = Box(0, 0, sent.width, sent.height)
    bounds = await asyncio.to_thread(_bounds, mask)
    if bounds is None:
        raise BadInput("bad_mask", "The mask has no white: nothing is selected.", "Paint in white.")
    limits = await asyncio.to_thread(_model_limits, server, model)
    reach = (wanted.inpaint_full_res_padding or 0) + options.feather
    inside = bounds.pad(reach).intersect(whole)
    box = context_box(inside or bounds, whole, limits)
    picture = await common.load(server, sent)
    rows, columns = slice(box.y, box.bottom), slice(box.x, box.right)
    selected = mask[rows, columns]
    source = await _filled(picture[rows, columns], selected, wanted)
    return PreparedSource(
        await common.keep(server, source),
        Size(sent.width, sent.height),
        box,
        await common.keep(server, selected),
        options,
        Paste(text, box),
    )


def _bounds(mask: np.ndarray) -> Box | None:
    from pentimento.imaging import masks

    return masks.bounds(mask)


def _model_limits(server: Services, model: str | None):  # type: ignore[no-untyped-def]
    return server.registry.get(model or server.registry.default_id)


async def _mask(server: Services, wanted: fields.Img2Img, size: Size) -> np.ndarray:
    """`(h, w)` u8 or u16 of the picture's size, white = repaint. As in A1111 a mask with
    transparency counts by its alpha, any other by its luminance."""
    sent = await common.receive(server, await common.unpack(wanted.mask or ""))
    inverted = bool(wanted.inpainting_mask_invert)
    mask = await asyncio.to_thread(_selection, server.blobs.file(sent), inverted)
    fitted = await common.fit(mask, size, WAYS[0])
    across, down = wanted.blur
    if across == down:  # then the job's own feather does it
        return fitted
    return await asyncio.to_thread(_blurred, fitted, across, down)


def _selection(file: PixelFile, inverted: bool) -> np.ndarray:
    from pentimento.imaging import bands, pixels

    picture = bands.of(file)
    mask = bands.load_mask_whole(file) if picture.is_opaque() else bands.load_alpha(picture)
    return int(pixels.FULL[mask.dtype]) - mask if inverted else mask


def _blurred(mask: np.ndarray, across: float, down: float) -> np.ndarray:
    """With a Gaussian of these sigmas in px, 0 for none; the edge continues beyond the picture."""
    import cv2

    for sigma, kernel in ((across, (1, 0)), (down, (0, 1))):
        if sigma:
            reach = 2 * int(2.5 * sigma + 0.5) + 1
            sides = (reach if kernel[0] else 1, reach if kernel[1] else 1)
            mask = cv2.GaussianBlur(mask, sides, sigma, borderType=cv2.BORDER_REPLICATE)
    return mask


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
    """The picture with its surroundings' colours where the mask is. A large one is changed."""
    from pentimento.imaging import bands, pixels
    from pentimento.imaging.model_input import fill_transparent

    if mask.size > bands.LARGE:
        bands.continue_surroundings(picture, mask)
        return picture
    values = pixels.to_float(picture)
    kept = 1 - pixels.to_float(mask[..., None])[..., 0]
    filled = values.copy()
    filled[..., :3] = fill_transparent(values[..., :3], kept * values[..., 3])
    result = pixels.to_depth(filled, picture.dtype)
    result[mask == 0] = picture[mask == 0]
    return result
