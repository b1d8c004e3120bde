"""Pictures at another size, without ringing into nonsense or aliasing.

- `resize(picture, size)`: shrinks by area, grows by Lanczos
- `Resized(picture, size)`: the same bits, some columns at a time
- `fit(picture, size, way)`: stretched, cropped or padded, in the picture's own depth
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import cv2
import numpy as np

from pentimento.core.geometry import Box, Size
from pentimento.core.settings import MAX_PIXELS
from pentimento.imaging.pixels import to_depth, to_float
from pentimento.imaging.sizing import refuse_huge

STRIP = 2**18  # values of a picture that is made in strips
VECTOR = 64  # columns: a multiple of all that processors compute at once


def resize(picture: np.ndarray, size: Size) -> np.ndarray:
    """`(h, w)` or `(h, w, c)` at another size; the same array when nothing changes. float32 is
    exact, u8 and u16 are rounded.

    Sides that shrink are averaged over the area they cover, sides that grow use Lanczos with a
    radius of 4. Overshoot is limited to the range of the input, so no new extremes appear.
    """
    height, width = picture.shape[:2]
    if (width, height) == (size.width, size.height):
        return picture
    smaller = _shrunk(picture, size)
    if smaller.shape[:2] == (size.height, size.width):
        return smaller
    result = _cv2_resize(smaller, (size.width, size.height), cv2.INTER_LANCZOS4)
    np.clip(result, picture.min(), picture.max(), out=result)
    return result


def _shrunk(picture: np.ndarray, size: Size) -> np.ndarray:
    """With those of its sides that are to shrink at the new size."""
    height, width = picture.shape[:2]
    smaller = (min(width, size.width), min(height, size.height))
    return picture if smaller == (width, height) else _cv2_resize(picture, smaller, cv2.INTER_AREA)


class Resized:
    """What `resize` answers, for one strip of columns at a time, to the same bits: OpenCV's Lanczos
    goes along rows first, and then each column has nothing to do with any other."""

    def __init__(self, picture: np.ndarray, size: Size) -> None:
        self._rows = size.height
        self._range: tuple[float, float] | None = None
        self._wide = picture
        if picture.shape[:2] == (size.height, size.width):
            return
        smaller = _shrunk(picture, size)
        if smaller.shape[:2] != (size.height, size.width):
            self._range = float(picture.min()), float(picture.max())
        height = smaller.shape[0]
        wider = smaller.shape[1] != size.width
        self._wide = (
            _cv2_resize(smaller, (size.width, height), cv2.INTER_LANCZOS4) if wider else smaller
        )

    def strips(self) -> Iterator[slice]:
        """Columns of which about a quarter of a million values are made at a time. They begin where
        OpenCV's vectors do: the last values of a row, too few for one, it adds up otherwise."""
        values = self._rows * int(np.prod(self._wide.shape[2:]))
        step = max(STRIP // values // VECTOR, 1) * VECTOR
        width = self._wide.shape[1]
        return (slice(left, min(left + step, width)) for left in range(0, width, step))

    def columns(self, which: slice) -> np.ndarray:
        """`(h, w, ...)` of one of the strips; it may be a part of the picture itself."""
        strip = self._wide[:, which]
        if strip.shape[0] != self._rows:
            size = (strip.shape[1], self._rows)
            strip = _cv2_resize(np.ascontiguousarray(strip), size, cv2.INTER_LANCZOS4)
        return strip if self._range is None else np.clip(strip, *self._range)


def _cv2_resize(picture: np.ndarray, size: tuple[int, int], interpolation: int) -> np.ndarray:
    resized = cv2.resize(picture, size, interpolation=interpolation)
    return resized.reshape(*resized.shape[:2], *picture.shape[2:])  # cv2 drops a last axis of 1


LARGE = 2**24  # px; in whole numbers what is resized is right to one of them
Way = Literal["stretch", "crop", "pad"]


def fit(picture: np.ndarray, size: Size, way: Way) -> np.ndarray:
    """`(size.height, size.width, c)` in the depth of `picture`; itself when it has that size.

    `crop` keeps the middle of what covers the size, `pad` shows all of it and continues its
    borders. Raises TooLarge before it makes a pixel.
    """
    refuse_huge(size)
    height, width = picture.shape[:2]
    if (width, height) == (size.width, size.height):
        return picture
    if way == "stretch":
        return _resized(picture, size)
    factors = size.width / width, size.height / height
    factor = max(factors) if way == "crop" else min(factors)
    scaled = Size(width, height).scaled(factor)
    if scaled.pixels > MAX_PIXELS:  # of a strip, nearly all of which is cut off
        return _resized(_middle(picture, size, factor), size)
    whole = Box(0, 0, scaled.width, scaled.height)
    window = whole.resized(size)
    resized = _resized(picture, scaled)
    if whole.intersect(window) == window:
        return resized[window.y : window.bottom, window.x : window.right]
    rows = np.clip(np.arange(window.y, window.bottom), 0, scaled.height - 1)
    columns = np.clip(np.arange(window.x, window.right), 0, scaled.width - 1)
    return resized[rows[:, None], columns]


def _middle(picture: np.ndarray, size: Size, factor: float) -> np.ndarray:
    """The part of the picture that is to fill the size."""
    height, width = picture.shape[:2]
    part = Size(
        min(max(round(size.width / factor), 1), width),
        min(max(round(size.height / factor), 1), height),
    )
    left, top = (width - part.width) // 2, (height - part.height) // 2
    return picture[top : top + part.height, left : left + part.width]


def _resized(picture: np.ndarray, size: Size) -> np.ndarray:
    if max(size.pixels, picture.shape[0] * picture.shape[1]) > LARGE:  # floats take much memory
        return resize(picture, size)
    return to_depth(resize(to_float(picture), size), picture.dtype)
