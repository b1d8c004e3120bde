"""What models see of a picture: floats at their size, transparent places filled.

- `model_rgb(picture, size)`: `(h, w, 3)` float32 0..1
- `seen_u8(picture)`: `(h, w, 3)` u8 of the same at the picture's own size
- `fill_transparent(rgb, alpha)`: continues the surroundings under what is not opaque
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from pentimento.core.geometry import Size
from pentimento.imaging.pixels import FULL, bands, is_opaque, to_depth
from pentimento.imaging.resize import resize


def model_rgb(picture: np.ndarray, size: Size, fill: str = "surroundings") -> np.ndarray:
    """`(size.height, size.width, 3)` float32 0..1 of an `(h, w, 4)` picture.

    What lies under transparent pixels is arbitrary, often black; it is replaced by the colours
    around, or by the plain colour `fill`, before it can bleed into the result.
    """
    height, width = picture.shape[:2]
    if is_opaque(picture):
        resized = _opaque_rgb(picture, size)
    else:
        values = np.empty((height, width, 4), np.float32)
        for rows in bands(height, width * 4):
            _as_float(picture[rows], values[rows])
        filled = fill_transparent(values[..., :3], values[..., 3], fill, own=True)
        np.clip(filled, 0, 1, out=filled)
        resized = resize(filled, size)
    if (width, height) == (size.width, size.height):
        return resized
    return np.clip(resized, 0, 1, out=resized)


def _opaque_rgb(picture: np.ndarray, size: Size) -> np.ndarray:
    """`(size.height, size.width, 3)` float32 of an opaque picture. What shrinks is never there as
    floats in all its channels: three planes come out as one picture does, bit for bit."""
    height, width = picture.shape[:2]
    shrinks = size.width <= width and size.height <= height and size != Size(width, height)
    if not shrinks or size == Size(width // 2, height // 2):  # OpenCV halves pictures another way
        whole = np.empty((height, width, 3), np.float32)
        for rows in bands(height, width * 3):
            _as_float(picture[rows, :, :3], whole[rows])
        return resize(whole, size)
    resized = np.empty((size.height, size.width, 3), np.float32)
    plane = np.empty((height, width), np.float32)
    for channel in range(3):
        for rows in bands(height, width):
            _as_float(picture[rows, :, channel], plane[rows])
        resized[..., channel] = resize(plane, size)
    return resized


def _as_float(picture: np.ndarray, result: np.ndarray) -> None:
    """float32 0..1 of any depth; what is no number is 0."""
    if picture.dtype != np.float32:
        np.divide(picture, np.float32(FULL[picture.dtype]), out=result, dtype=np.float32)
        return
    np.fmax(picture, np.float32(0), out=result)  # of NaN and 0 this is 0
    np.minimum(result, np.float32(1), out=result)


def seen_u8(picture: np.ndarray, fill: str = "surroundings") -> np.ndarray:
    """`(h, w, 3)` u8 of an `(h, w, 4)` picture at its own size, transparent places filled."""
    size = Size(picture.shape[1], picture.shape[0])
    return to_depth(model_rgb(picture, size, fill), np.uint8)


NEUTRAL = 0.5  # where nothing at all is opaque
PLAIN = {"white": 1.0, "black": 0.0, "gray": NEUTRAL}


def fill_transparent(
    rgb: np.ndarray, alpha: np.ndarray, fill: str = "surroundings", *, own: bool = False
) -> np.ndarray:
    """`(h, w, 3)` float32 in which transparent pixels continue their surroundings, or lie on one
    of the PLAIN colours. `own`: the values of `rgb` are not needed any more.

    Pull and push over a pyramid (Gortler et al. 1996, "The Lumigraph", section 3.4): each level
    averages by alpha, and holes take the colour of the next coarser level. Opaque pixels stay as
    they are.
    """
    if alpha.min() >= 1:
        return rgb
    weight = alpha[..., None].astype(np.float32, copy=False)
    if fill not in PLAIN and alpha.max() <= 0:
        return np.full_like(rgb, NEUTRAL)
    weighted = np.multiply(rgb, weight, out=rgb if own else None)
    if fill in PLAIN:
        return _added(weighted, np.float32(PLAIN[fill]), weight)
    return _added(weighted, _spread(weighted, weight), weight)


def _added(weighted: np.ndarray, below: Any, weight: np.ndarray) -> np.ndarray:
    """`weighted + below * (1 - weight)`, in place of one of both."""
    result = below if isinstance(below, np.ndarray) else weighted
    for rows in bands(len(weighted), weighted.shape[1] * 3):
        under = below[rows] if isinstance(below, np.ndarray) else below
        np.add(weighted[rows], under * (1 - weight[rows]), out=result[rows])
    return result


def _spread(weighted: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Colours for all pixels from `(h, w, 3)` colours times weight and `(h, w, 1)` weights."""
    height, width = weight.shape[:2]
    if max(height, width) == 1 or weight.min() >= 1:
        return weighted / np.maximum(weight, 1e-6)
    half = (max(1, (width + 1) // 2), max(1, (height + 1) // 2))
    around = _spread(
        cv2.resize(weighted, half, interpolation=cv2.INTER_AREA).reshape(half[1], half[0], 3),
        cv2.resize(weight, half, interpolation=cv2.INTER_AREA).reshape(half[1], half[0], 1),
    )
    coarse = cv2.resize(around, (width, height), interpolation=cv2.INTER_LINEAR)
    coarse = coarse.reshape(height, width, 3)
    for rows in bands(height, width * 3):
        mean = weighted[rows] / np.maximum(weight[rows], 1e-6) * weight[rows]
        np.add(mean, coarse[rows] * (1 - weight[rows]), out=coarse[rows])
    return coarse
