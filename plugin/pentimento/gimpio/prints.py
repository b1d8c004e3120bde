"""A small picture of a picture, by which a layer is known again after it was flipped, turned or
scaled: the mean colours of 8 x 8 cells."""

from __future__ import annotations

import base64
import binascii
import itertools
from typing import Any, List, Optional

from gi.repository import Gegl

from turning import Turn
from wire import Box

CELLS = 8  # on each side
MOST_PX = 2**20  # that are looked at; larger pictures at a half, a quarter ... of their size
LAYOUTS = {4: "R'G'B'A u8", 1: "Y u8"}  # of a layer, of a mask

Print = bytes  # CELLS * CELLS * channels, row by row


def of(drawable: Any, box: Optional[Box] = None, channels: int = 4) -> Print:
    """Of a box in the drawable's own coordinates, else of all of it."""
    box = box or Box(0, 0, drawable.get_width(), drawable.get_height())
    scale = 1.0
    while box.width * scale * box.height * scale > MOST_PX:
        scale /= 2
    left, top = int(box.x * scale), int(box.y * scale)
    width, height = max(1, int(box.width * scale)), max(1, int(box.height * scale))
    buffer = drawable.get_buffer()
    area = Gegl.Rectangle.new(left, top, width, height)
    data = bytes(buffer.get(area, scale, LAYOUTS[channels], Gegl.AbyssPolicy.NONE))
    buffer.flush()
    return _means(data, width, height, channels)


def _means(data: bytes, width: int, height: int, channels: int) -> Print:
    across, down = _bounds(width), _bounds(height)
    found = bytearray()
    for top, bottom in down:
        sums = [0] * (CELLS * channels)
        for y in range(top, bottom):
            row = y * width * channels
            for number, (left, right) in enumerate(across):
                for channel in range(channels):
                    start = row + left * channels + channel
                    end = row + right * channels
                    sums[number * channels + channel] += sum(data[start:end:channels])
        for number, (left, right) in enumerate(across):
            count = (right - left) * (bottom - top)
            found += bytes(
                round(sums[number * channels + channel] / count) for channel in range(channels)
            )
    return bytes(found)


def _bounds(length: int) -> List[Any]:
    starts = [number * length // CELLS for number in range(CELLS + 1)]
    return [
        (min(a, length - 1), max(b, min(a, length - 1) + 1)) for a, b in itertools.pairwise(starts)
    ]


def turned(found: Print, turn: Turn) -> Print:
    return bytes(turn.data(found, CELLS, CELLS, len(found) // CELLS**2))


def distance(one: Print, other: Print) -> float:
    """The mean difference, 0 to 255; of prints of different kinds more than any."""
    if len(one) != len(other) or not one:
        return 256.0
    return sum(abs(a - b) for a, b in zip(one, other)) / len(one)


def is_opaque(found: Print) -> bool:
    """Whether no pixel of the picture was transparent, but by less than can be seen."""
    return set(found[3::4]) == {255}


def written(found: Print) -> str:
    return base64.b64encode(found).decode("ascii")


def read(text: Any) -> Optional[Print]:
    """None for what is none, as in records of older versions."""
    try:
        return base64.b64decode(text, validate=True) if isinstance(text, str) else None
    except (binascii.Error, ValueError):
        return None
