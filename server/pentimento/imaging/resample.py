"""Changing the size of float pictures without ringing into nonsense or aliasing.

`resize(picture, size) -> np.ndarray` for colours.
"""

from __future__ import annotations

import cv2
import numpy as np

from pentimento.imaging.geometry import Size


def resize(picture: np.ndarray, size: Size) -> np.ndarray:
    """`(h, w)` or `(h, w, c)` float32 at another size; the same array when nothing changes.

    Sides that shrink are averaged over the area they cover, sides that grow use Lanczos with a
    radius of 4. Overshoot is limited to the range of the input, so no new extremes appear.
    """
    height, width = picture.shape[:2]
    if (width, height) == (size.width, size.height):
        return picture
    smaller = (min(width, size.width), min(height, size.height))
    result = picture
    if smaller != (width, height):
        result = _cv2_resize(result, smaller, cv2.INTER_AREA)
    if smaller != (size.width, size.height):
        result = _cv2_resize(result, (size.width, size.height), cv2.INTER_LANCZOS4)
        result = np.clip(result, picture.min(), picture.max())
    return result


def _cv2_resize(picture: np.ndarray, size: tuple[int, int], interpolation: int) -> np.ndarray:
    resized = cv2.resize(picture, size, interpolation=interpolation)
    return resized.reshape(*resized.shape[:2], *picture.shape[2:])  # cv2 drops a last axis of 1
