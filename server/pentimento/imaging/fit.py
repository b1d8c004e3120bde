"""A picture brought to a size it does not have: stretched, cropped or padded."""

from __future__ import annotations

from typing import Literal

import numpy as np

from pentimento.imaging.geometry import Box, Size
from pentimento.imaging.pixels import to_depth, to_float
from pentimento.imaging.resample import resize

Way = Literal["stretch", "crop", "pad"]


def fit(picture: np.ndarray, size: Size, way: Way) -> np.ndarray:
    """`(size.height, size.width, c)` in the depth of `picture`; itself when it has that size.

    `crop` keeps the middle of what covers the size, `pad` shows all of it and continues its
    borders.
    """
    height, width = picture.shape[:2]
    if (width, height) == (size.width, size.height):
        return picture
    if way == "stretch":
        return _resized(picture, size)
    factors = size.width / width, size.height / height
    scaled = Size(width, height).scaled(max(factors) if way == "crop" else min(factors))
    whole = Box(0, 0, scaled.width, scaled.height)
    window = whole.resized(size)
    rows = np.clip(np.arange(window.y, window.bottom), 0, scaled.height - 1)
    columns = np.clip(np.arange(window.x, window.right), 0, scaled.width - 1)
    return _resized(picture, scaled)[rows[:, None], columns]


def _resized(picture: np.ndarray, size: Size) -> np.ndarray:
    return to_depth(resize(to_float(picture), size), picture.dtype)
