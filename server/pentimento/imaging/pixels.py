"""Pictures between files, arrays and the floats that models work on.

- `load(file) -> np.ndarray`: `(h, w, 4)` u8, u16 or f32 from raw pixels, PNG, JPEG or WebP
- `load_mask(file) -> np.ndarray`: `(h, w)` u8
- `model_rgb(picture, size) -> np.ndarray`: `(h, w, 3)` float32 0..1, transparent places filled
- `seen_u8(picture) -> np.ndarray`: `(h, w, 3)` u8 of the same at its own size
- `read(file) -> np.ndarray`: `(h, w, c)` just as it is in the file
- `store(picture, format, path)`: raw pixels to a file, whole or not at all
- `encode_png(picture) -> bytes`: 8 or 16 bits a channel

Arrays are RGB(A) with straight alpha, sRGB-encoded.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from pentimento.imaging import decode
from pentimento.imaging.fill import fill_transparent
from pentimento.imaging.geometry import Size
from pentimento.imaging.resample import resize
from pentimento.jobs.record import PixelFormat

if TYPE_CHECKING:
    from pentimento.backends.base import PixelFile

FULL = {np.dtype(np.uint8): 255.0, np.dtype(np.uint16): 65535.0, np.dtype(np.float32): 1.0}
LAYOUT: dict[PixelFormat, tuple[np.dtype[Any], int]] = {  # dtype as stored, channels
    PixelFormat.RGBA_U8: (np.dtype("u1"), 4),
    PixelFormat.RGB_U8: (np.dtype("u1"), 3),
    PixelFormat.RGBA_U16: (np.dtype("<u2"), 4),
    PixelFormat.RGBA_F32: (np.dtype("<f4"), 4),
    PixelFormat.Y_U8: (np.dtype("u1"), 1),
}
LUMA = np.array([0.2126, 0.7152, 0.0722])  # Rec. 709, on the encoded values


def load(file: PixelFile) -> np.ndarray:
    """`(h, w, 4)` in the depth of the file. Raises BadInput("bad_image") when it is damaged."""
    return with_alpha(read(file))


def load_mask(file: PixelFile) -> np.ndarray:
    """`(h, w)` u8: grey values as they are, luminance times alpha of coloured pictures."""
    picture = read(file)
    if picture.shape[2] == 1 and picture.dtype == np.uint8:
        return np.ascontiguousarray(picture[..., 0])
    rgba = to_float(with_alpha(picture)).astype(np.float64)
    grey = np.clip(rgba[..., :3] @ LUMA, 0, 1) * np.clip(rgba[..., 3], 0, 1)
    return np.rint(grey * 255).astype(np.uint8)


def model_rgb(picture: np.ndarray, size: Size, fill: str = "surroundings") -> np.ndarray:
    """`(size.height, size.width, 3)` float32 0..1 of an `(h, w, 4)` picture.

    What lies under transparent pixels is arbitrary, often black; it is replaced by the colours
    around, or by the plain colour `fill`, before it can bleed into the result.
    """
    values = np.clip(np.nan_to_num(to_float(picture)), 0, 1)
    filled = fill_transparent(values[..., :3], values[..., 3], fill)
    return np.clip(resize(filled, size), 0, 1)


def seen_u8(picture: np.ndarray, fill: str = "surroundings") -> np.ndarray:
    """`(h, w, 3)` u8 of an `(h, w, 4)` picture at its own size, transparent places filled."""
    size = Size(picture.shape[1], picture.shape[0])
    return to_depth(model_rgb(picture, size, fill), np.uint8)


def to_float(picture: np.ndarray) -> np.ndarray:
    """float32 with 1.0 as white; values of float pictures stay as they are."""
    if picture.dtype == np.float32:
        return picture
    return picture.astype(np.float32) / np.float32(FULL[picture.dtype])


def to_depth(picture: np.ndarray, dtype: np.dtype | type) -> np.ndarray:
    """The picture as u8, u16 or f32, rounded to nearest; exact from u8 to any other and back."""
    target = np.dtype(dtype)
    if picture.dtype == target:
        return picture
    if target == np.float32:
        return to_float(picture)
    if picture.dtype == np.uint8:
        return picture.astype(np.uint16) * np.uint16(257)
    values = picture.astype(np.float64) / FULL.get(picture.dtype, 1.0)
    return np.rint(np.clip(np.nan_to_num(values), 0, 1) * FULL[target]).astype(target)


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


def store(picture: np.ndarray, format: PixelFormat, path: Path) -> None:
    """Raw pixels at `path`, which appears only when they are complete."""
    laid_out = convert(picture, format)
    part = path.with_name(f"{path.name}.part")
    with part.open("wb") as stream:
        stream.write(laid_out.data)
    os.replace(part, path)


def encode_png(picture: np.ndarray) -> bytes:
    """`(h, w, 1|3|4)` as PNG: u8 with 8 bits a channel, u16 and float pictures with 16."""
    values = picture if picture.dtype == np.uint8 else to_depth(picture, np.uint16)
    if values.shape[2] >= 3:
        values = values[..., [2, 1, 0, *range(3, values.shape[2])]]
    done, data = cv2.imencode(".png", np.ascontiguousarray(values))
    if not done:
        raise ValueError(f"a picture of {picture.shape} cannot be encoded as PNG")
    return data.tobytes()


def read(file: PixelFile) -> np.ndarray:
    """`(h, w, c)` as it is in the file, in native byte order."""
    if file.format is None:
        return decode.decode(file.path.read_bytes(), Size(file.width, file.height))
    stored, channels = LAYOUT[file.format]
    data = np.fromfile(file.path, dtype=stored)
    if data.size != file.width * file.height * channels:
        raise decode.damaged(f"it has {data.nbytes} bytes, not what its size needs")
    shaped = data.reshape(file.height, file.width, channels)
    return shaped.astype(stored.newbyteorder("="), copy=False)


def with_alpha(picture: np.ndarray) -> np.ndarray:
    """Grey and opaque pictures as RGBA."""
    if picture.shape[2] == 4:
        return picture
    height, width, channels = picture.shape
    result = np.empty((height, width, 4), picture.dtype)
    result[..., :3] = picture[..., :3] if channels == 3 else picture[..., :1]
    result[..., 3] = picture[..., 1] if channels == 2 else FULL[picture.dtype]
    return result
