"""Pictures as arrays, in each depth, and as raw pixels in files.

- `to_float(picture)`, `to_depth(picture, dtype)`: between u8, u16 and f32
- `convert(picture, format)`, `write`, `store`: as the raw formats lay them out
- `encode_png(picture) -> bytes`: 8 or 16 bits a channel
- `bands(height, width)`: the rows of a large picture, some at a time

Arrays are RGB(A) with straight alpha, sRGB-encoded.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from pentimento.core import files
from pentimento.core.geometry import Size
from pentimento.imaging import png_bands
from pentimento.schema.job import PixelFormat

FULL = {np.dtype(np.uint8): 255.0, np.dtype(np.uint16): 65535.0, np.dtype(np.float32): 1.0}
LAYOUT: dict[PixelFormat, tuple[np.dtype[Any], int]] = {  # dtype as stored, channels
    PixelFormat.RGBA_U8: (np.dtype("u1"), 4),
    PixelFormat.RGB_U8: (np.dtype("u1"), 3),
    PixelFormat.RGBA_U16: (np.dtype("<u2"), 4),
    PixelFormat.RGBA_F32: (np.dtype("<f4"), 4),
    PixelFormat.Y_U8: (np.dtype("u1"), 1),
}
RGBA_OF = {  # by the depth that a picture has in memory
    np.dtype(np.uint8): PixelFormat.RGBA_U8,
    np.dtype(np.uint16): PixelFormat.RGBA_U16,
    np.dtype(np.float32): PixelFormat.RGBA_F32,
}
PART = 2**15  # values converted at a time: their double precision stays in the cache
WRITTEN = 2**20  # values that go to a file in one piece
LUMA = np.array([0.2126, 0.7152, 0.0722])  # Rec. 709, on the encoded values


def as_mask(picture: np.ndarray) -> np.ndarray:
    """`(h, w)` of `(h, w, c)`: u8 of u8, else float32 0..255, as `bands.load_mask` has them."""
    if picture.shape[2] == 1 and picture.dtype == np.uint8:
        return np.ascontiguousarray(picture[..., 0])
    rgba = to_float(with_alpha(picture)).astype(np.float64)
    if picture.shape[2] < 3:
        grey = rgba[..., 0] * rgba[..., 3]
    else:
        grey = np.clip(rgba[..., :3] @ LUMA, 0, 1) * np.clip(rgba[..., 3], 0, 1)
    if picture.dtype == np.uint8:
        return np.rint(grey * 255).astype(np.uint8)
    return (np.clip(np.nan_to_num(grey), 0, 1) * 255).astype(np.float32)


def bands(height: int, width: int, values: int = PART, least: int = 1) -> Iterator[slice]:
    """Rows of `width` values, about `values` of them at a time: by itself as many as stay in a
    processor's cache."""
    rows = max(values // max(width, 1), least)
    return (slice(top, min(top + rows, height)) for top in range(0, height, rows))


def is_opaque(picture: np.ndarray) -> bool:
    return bool(picture[..., 3].min() >= FULL[picture.dtype])


def smallest_format(depth: np.dtype[Any], is_opaque: Callable[[], bool]) -> PixelFormat:
    """The raw format that keeps what a picture of that depth holds, without an alpha that is of no
    use: `is_opaque` is asked where there is one without."""
    if depth == np.uint8 and is_opaque():
        return PixelFormat.RGB_U8
    return RGBA_OF[depth]


def to_float(picture: np.ndarray) -> np.ndarray:
    """float32 with 1.0 as white; values of float pictures stay as they are."""
    if picture.dtype == np.float32:
        return picture
    values = picture.astype(np.float32)
    values /= np.float32(FULL[picture.dtype])
    return values


def to_depth(picture: np.ndarray, dtype: np.dtype | type) -> np.ndarray:
    """The picture as u8, u16 or f32, rounded to nearest; exact from u8 to any other and back."""
    target = np.dtype(dtype)
    if picture.dtype == target:
        return picture
    if target == np.float32:
        return to_float(picture)
    if picture.dtype == np.uint8:
        return picture.astype(np.uint16) * np.uint16(257)
    result = np.empty(picture.shape, target)
    flat, whole = np.ascontiguousarray(picture).reshape(-1), result.reshape(-1)
    if picture.dtype == np.uint16:
        whole[:] = _u8_of_u16()[flat]
        return result
    full = FULL[target]
    values = np.empty(min(PART, flat.size))  # double: no product with 65535 is rounded before rint
    for start in range(0, flat.size, PART):
        part = flat[start : start + PART]
        scaled = values[: part.size]
        with np.errstate(invalid="ignore"):  # a NaN that signals, which is 0 below like any other
            np.multiply(part, full, out=scaled, dtype=np.float64)
        np.fmax(scaled, 0, out=scaled)  # of NaN and 0 this is 0
        np.minimum(scaled, full, out=scaled)
        whole[start : start + PART] = np.rint(scaled, out=scaled)
    return result


@cache
def _u8_of_u16() -> np.ndarray:
    """Every 16-bit value rounded to 8 bits."""
    return np.rint(np.arange(65536) / FULL[np.dtype(np.uint16)] * 255).astype(np.uint8)


def convert(picture: np.ndarray, format: PixelFormat) -> np.ndarray:
    """`(h, w, c)` as the format lays it out. Alpha is dropped where the format has none."""
    stored, channels = LAYOUT[format]
    values = to_depth(picture, stored.newbyteorder("="))
    if channels == 1 and values.shape[2] > 1:
        values = to_depth(to_float(values[..., :3]) @ LUMA.astype(np.float32), stored)[..., None]
    elif channels == 4:
        values = with_alpha(values)
    else:
        values = values[..., :channels]
    return np.ascontiguousarray(values, dtype=stored)


def profile_file(path: Path) -> Path:
    """Where the ICC profile of raw pixels lies, if they have one."""
    return path.with_suffix(".icc")


def store(picture: np.ndarray, format: PixelFormat, path: Path) -> None:
    """Raw pixels at `path`, which appears only when they are complete."""
    with files.whole(path) as stream:
        write(picture, format, stream)


def write(picture: np.ndarray, format: PixelFormat, stream: BinaryIO) -> None:
    """As `convert` lays it out, some rows at a time."""
    for rows in bands(len(picture), picture.shape[1] * picture.shape[2], WRITTEN):
        stream.write(convert(picture[rows], format).data)


def encode_png(picture: np.ndarray, profile: bytes | None = None) -> bytes:
    """`(h, w, 1..4)` as PNG: u8 with 8 bits a channel, u16 and float pictures with 16."""
    height, width = picture.shape[:2]
    step = png_bands.rows_of_a_band(width, picture.shape[2] * picture.itemsize)
    deep = picture.dtype != np.uint8
    parts = (picture[top : top + step] for top in range(0, height, step))
    out = io.BytesIO()
    png_bands.write(
        *(out, Size(width, height)),
        (to_depth(rows, np.uint16) if deep else rows for rows in parts),
        profile,
    )
    return out.getvalue()


def with_alpha(picture: np.ndarray) -> np.ndarray:
    """Grey and opaque pictures as RGBA."""
    if picture.shape[2] == 4:
        return picture
    height, width, channels = picture.shape
    result = np.empty((height, width, 4), picture.dtype)
    result[..., :3] = picture[..., :3] if channels == 3 else picture[..., :1]
    result[..., 3] = picture[..., 1] if channels == 2 else FULL[picture.dtype]
    return result
