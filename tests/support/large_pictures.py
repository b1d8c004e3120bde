"""Pictures of many pixels in small files, in the forms that no decoder gives a band at a time."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image
from tests.support.picture_writers import chunk, exif

# first column and row of each pass of an interlaced PNG, and the steps to the next ones
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2))
ADAM7_LAST = (0, 1, 1, 2)
COLOURS = (0, 4, 2, 6)  # of a PNG, by channels


def stripes(width: int, height: int, channels: int = 3, depth: type = np.uint8) -> np.ndarray:
    """Coloured ones that go down to the right, 500 px wide."""
    down, across = np.ogrid[:height, :width]
    grey = ((down + across // 2) // 500 % 5 * 50).astype(np.uint8)
    values = np.repeat(grey[..., None], channels, axis=2)
    values[..., 1::2] //= 2
    return values.astype(depth) * (257 if depth is np.uint16 else 1)


def by_pillow(values: np.ndarray, kind: str, orientation: int = 1, **options: Any) -> bytes:
    """With an EXIF orientation."""
    out = io.BytesIO()
    mark = Image.Exif()
    mark[0x0112] = orientation
    Image.fromarray(values).save(out, kind, exif=mark.tobytes(), **options)
    return out.getvalue()


def as_png(values: np.ndarray, *, interlaced: bool, orientation: int = 1) -> bytes:
    """`(h, w, 1..4)` u8 or u16."""
    height, width, channels = values.shape
    passes = (*ADAM7, ADAM7_LAST) if interlaced else ((0, 0, 1, 1),)
    packer, packed = zlib.compressobj(1), []
    for left, top, across, down in passes:
        for row in values[top::down, left::across]:
            line = np.ascontiguousarray(row, row.dtype.newbyteorder(">"))
            if line.size:
                packed.append(packer.compress(b"\0" + line.tobytes()))
    facts = (width, height, values.itemsize * 8, COLOURS[channels - 1], 0, 0, int(interlaced))
    parts = [
        chunk(b"IHDR", struct.pack(">IIBBBBB", *facts)),
        chunk(b"eXIf", exif(orientation).removeprefix(b"Exif\0\0")),
        chunk(b"IDAT", b"".join([*packed, packer.flush()])),
        chunk(b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)
