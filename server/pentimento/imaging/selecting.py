"""From the hints of a request to its mask, whichever way the object is found: hints are scaled to
the size that is worked at, what is found to the source's own, in bands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pentimento.core.errors import BadInput
from pentimento.core.geometry import Box, Size
from pentimento.imaging import bands, cut_out, decode, pixels, resize
from pentimento.imaging.object_selection import Click
from pentimento.schema.job import JobRequest, PixelFormat

if TYPE_CHECKING:
    from pentimento.schema.task import PixelFile

HALF = 128  # of 255; what is selected by so much is roughly the object
MOST_SELECTED = 2**24  # px of a picture in which an object is looked for; larger ones are reduced

# `(h, w)` float32 0..1 of an `(h, w, 3)` u8 picture; the last is a rough selection, `(h, w)` bool
Find = Callable[[np.ndarray, tuple[Click, ...], Box | None, np.ndarray | None], np.ndarray]


def mask(request: JobRequest, files: Mapping[str, PixelFile], find: Find) -> np.ndarray:
    """The soft mask of a request of the mode `select`, `(h, w)` u8. What is wholly transparent in
    the source belongs to no object; what is half so counts as the rest of its object, since a mask
    on a layer, or a cut with a selection, comes on top of the layer's own alpha. Raises BadInput
    for a rough selection of nothing."""
    assert request.source is not None
    file = files[request.source.blob]
    size = Size(file.width, file.height)
    factor = min(1.0, (MOST_SELECTED / size.pixels) ** 0.5)
    worked = size.scaled(factor)
    across, down = worked.width / size.width, worked.height / size.height
    clicks = tuple(
        Click(point.x * across, point.y * down, bool(point.label)) for point in request.points
    )
    box = _box_in(request, size)
    seen = resize.resize(bands.seen_u8(file, request.transparent_fill), worked)
    rough = _rough(files[request.mask.blob], worked) if request.mask else None
    alpha = find(seen, clicks, box.scaled(across, down) if box else None, rough)
    made = np.empty((size.height, size.width), np.uint8)
    for rows, part in bands.of(file).with_tops():
        here = alpha[rows] if worked == size else bands.rows_of(alpha, rows, size)
        made[rows] = pixels.to_depth(here, np.uint8)
        if part.shape[2] in (2, 4):
            made[rows][~(part[..., -1] > 0)] = 0
    return made


def _rough(file: PixelFile, worked: Size) -> np.ndarray:
    """The selection that the request brings, `(h, w)` bool: what is selected by half or more."""
    chosen = resize.resize(bands.load_mask(file), worked) >= HALF
    if not chosen.any():
        raise BadInput(
            "empty_mask",
            "The selection of the object is empty, or nothing of it is selected by half.",
            "Select the object roughly, or leave the mask out.",
        )
    return np.asarray(chosen)


def store_cut_out(file: PixelFile, mask: np.ndarray, path: Path) -> PixelFormat:
    """The object without its background, at the depth of the source, as raw pixels."""
    made = cut_out.of(decode.load(file), pixels.to_float(mask))
    format = pixels.RGBA_OF[made.dtype]
    pixels.store(made, format, path)
    return format


def covered(mask: np.ndarray) -> float:
    """The share of the picture that is selected."""
    return round(float(mask.mean()) / 255, 4)


def _box_in(request: JobRequest, size: Size) -> Box | None:
    """The part of the box that lies in the picture."""
    if request.box is None:
        return None
    box = Box(request.box.x, request.box.y, request.box.width, request.box.height)
    return box.intersect(Box(0, 0, size.width, size.height))
