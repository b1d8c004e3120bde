"""The eight ways in which a rectangle of pixels can lie: what flips and quarter turns do to it.
Pure bytes; nothing here needs GIMP."""

from __future__ import annotations

from typing import NamedTuple, Tuple

from wire import BYTES_PER_PIXEL, Box, Pixels, Raw


class Turn(NamedTuple):
    """First rows become columns (`swap`), then it is mirrored from left to right (`across`) and
    from top to bottom (`down`)."""

    swap: bool = False
    across: bool = False
    down: bool = False

    def back(self) -> Turn:
        """What undoes it."""
        return Turn(True, self.down, self.across) if self.swap else self

    def size(self, width: int, height: int) -> Tuple[int, int]:
        """Of a rectangle of that size then."""
        return (height, width) if self.swap else (width, height)

    def pixels(self, picture: Pixels) -> Pixels:
        if self == STRAIGHT:
            return picture
        each = BYTES_PER_PIXEL[picture.format]
        width, height = self.size(picture.width, picture.height)
        data = self.data(picture.data, picture.width, picture.height, each)
        return Pixels(picture.format, width, height, data)

    def data(self, data: Raw, width: int, height: int, each: int) -> Raw:
        """`each`: bytes of a pixel."""
        if self.swap:
            data, width, height = _swapped(data, width, height, each), height, width
        if self.across:  # all backwards is both mirrorings at once
            data = _backwards(data, each)
        if self.across != self.down:
            stride = width * each
            data = b"".join(data[at : at + stride] for at in range(len(data) - stride, -1, -stride))
        return data


STRAIGHT = Turn()
TURNS = tuple(
    Turn(swap, across, down)
    for swap in (False, True)
    for across in (False, True)
    for down in (False, True)
)


def cut(picture: Pixels, part: Box) -> Pixels:
    """A part of a picture, which it lies in wholly."""
    if part == Box(0, 0, picture.width, picture.height):
        return picture
    each = BYTES_PER_PIXEL[picture.format]
    stride, length = picture.width * each, part.width * each
    starts = (y * stride + part.x * each for y in range(part.y, part.y + part.height))
    data = b"".join(picture.data[at : at + length] for at in starts)
    return Pixels(picture.format, part.width, part.height, data)


def pasted(below: Pixels, above: Pixels, x: int, y: int) -> Pixels:
    """`above` put into a picture of the same format at that place."""
    each = BYTES_PER_PIXEL[below.format]
    stride, length = below.width * each, above.width * each
    data = bytearray(below.data)
    for row in range(above.height):
        at = (y + row) * stride + x * each
        data[at : at + length] = above.data[row * length : (row + 1) * length]
    return Pixels(below.format, below.width, below.height, bytes(data))


def _swapped(data: Raw, width: int, height: int, each: int) -> bytes:
    columns = []
    for x in range(width):
        column = bytearray(height * each)
        for byte in range(each):
            column[byte::each] = data[x * each + byte :: width * each]
        columns.append(column)
    return b"".join(columns)


def _backwards(data: Raw, each: int) -> bytes:
    turned = bytearray(len(data))
    for byte in range(each):
        turned[byte::each] = data[byte::each][::-1]
    return bytes(turned)
