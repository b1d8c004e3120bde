"""Pixels as small pictures for dialogs. GIMP's own thumbnails crash Python (GIMP 3.2.6 gives one
reference too few), and its buffers read at a smaller scale are black in a plug-in."""

from __future__ import annotations

import sys
from array import array
from operator import itemgetter
from typing import Any, Callable, Dict, Literal, Tuple

from gi.repository import GdkPixbuf, GLib

from wire import BYTES_PER_PIXEL, Pixels, Raw

CHECKS = (8, 0x999999, 0x666666)  # px and colours of what shows through transparency
WORD = 8  # bytes


def of(pixels: Pixels, width: int, height: int) -> GdkPixbuf.Pixbuf:
    """An RGBA picture at most so large, in its proportions; small ones are enlarged."""
    wide, high = fitting(pixels, width, height)
    # Twice as many as needed, so that the mean of some is shown instead of one that stands for all.
    columns, rows = min(pixels.width, 2 * wide), min(pixels.height, 2 * high)
    data = in_eight_bits(pixels.format, sampled(pixels, columns, rows))
    small = pixbuf(data, columns, rows)
    made = small.composite_color_simple(wide, high, GdkPixbuf.InterpType.BILINEAR, 255, *CHECKS)
    if made is None:
        raise MemoryError
    return made


def pixbuf(data: Raw, width: int, height: int) -> GdkPixbuf.Pixbuf:
    """Of RGBA bytes."""
    rgb = GdkPixbuf.Colorspace.RGB
    return GdkPixbuf.Pixbuf.new_from_bytes(
        GLib.Bytes.new(bytes(data)), rgb, True, 8, width, height, 4 * width
    )


def fitting(pixels: Pixels, width: int, height: int) -> Tuple[int, int]:
    scale = min(width / pixels.width, height / pixels.height)
    return max(1, round(pixels.width * scale)), max(1, round(pixels.height * scale))


def sampled(pixels: Pixels, width: int, height: int) -> bytes:
    """The nearest pixels of a smaller or larger grid, in the same format."""
    each = BYTES_PER_PIXEL[pixels.format]
    unit = min(each, WORD)
    words = each // unit
    pick = _picker([x * pixels.width // width for x in range(width)], words)
    codes: Dict[int, Literal["B", "I", "Q"]] = {1: "B", 4: "I", 8: "Q"}
    code = codes[unit]
    stride, data = pixels.width * each, memoryview(pixels.data)
    made = bytearray()
    for y in range(height):
        start = (y * pixels.height // height) * stride
        row = data[start : start + stride].cast(code)
        made += array(code, pick(row)).tobytes()
    return bytes(made)


def in_eight_bits(pixels_format: str, data: bytes) -> bytes:
    if pixels_format == "rgba-u16":
        return data[1::2] if sys.byteorder == "little" else data[::2]
    if pixels_format == "rgba-f32":
        return bytes(_byte(value) for value in memoryview(data).cast("f"))
    return data


def _picker(columns: list, words: int) -> Callable[[Any], Any]:
    places = [words * column + word for column in columns for word in range(words)]
    if len(places) == 1:
        return lambda row: (row[places[0]],)
    return itemgetter(*places)


def _byte(value: float) -> int:
    return 255 if value >= 1 else int(255 * value + 0.5) if value > 0 else 0  # 0 for no number
