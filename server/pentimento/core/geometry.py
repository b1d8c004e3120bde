"""Sizes and boxes as value types. All numbers are whole pixels; boxes are (x, y, width, height)."""

from __future__ import annotations

import math
from dataclasses import dataclass

OVERLAP = 4  # neighbouring tiles share at least a 4th of their side


@dataclass(frozen=True, slots=True, order=True)
class Size:
    """Width and height in px, both at least 1."""

    width: int
    height: int

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise ValueError(f"a size needs at least 1 x 1 px, not {self.width} x {self.height}")

    @property
    def pixels(self) -> int:
        return self.width * self.height

    @property
    def aspect(self) -> float:
        return self.width / self.height

    @property
    def longest(self) -> int:
        return max(self.width, self.height)

    @property
    def shortest(self) -> int:
        return min(self.width, self.height)

    def scaled(self, factor: float) -> Size:
        """Both sides times `factor`, rounded to the nearest px, at least 1."""
        return Size(
            max(1, math.floor(self.width * factor + 0.5)),
            max(1, math.floor(self.height * factor + 0.5)),
        )

    def __str__(self) -> str:
        return f"{self.width} × {self.height}"


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of at least 1 x 1 px; x and y may be negative, right and bottom are outside."""

    x: int
    y: int
    width: int
    height: int

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise ValueError(f"a box needs at least 1 x 1 px, not {self.width} x {self.height}")

    @classmethod
    def from_edges(cls, left: int, top: int, right: int, bottom: int) -> Box:
        return cls(left, top, right - left, bottom - top)

    @property
    def size(self) -> Size:
        return Size(self.width, self.height)

    @property
    def right(self) -> int:
        return self.x + self.width

    @property
    def bottom(self) -> int:
        return self.y + self.height

    def contains(self, other: Box) -> bool:
        """Whether every pixel of `other` lies in this box."""
        return (
            self.x <= other.x
            and self.y <= other.y
            and self.right >= other.right
            and self.bottom >= other.bottom
        )

    def intersect(self, other: Box) -> Box | None:
        """The pixels in both boxes; None when there is none."""
        left, top = max(self.x, other.x), max(self.y, other.y)
        right, bottom = min(self.right, other.right), min(self.bottom, other.bottom)
        if left >= right or top >= bottom:
            return None
        return Box.from_edges(left, top, right, bottom)

    def union(self, other: Box) -> Box:
        """The smallest box around both."""
        return Box.from_edges(
            min(self.x, other.x),
            min(self.y, other.y),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
        )

    def pad(self, amount: int) -> Box:
        """`amount` px more on each side; a negative amount shrinks, down to 1 px at the centre."""
        width = max(1, self.width + 2 * amount)
        height = max(1, self.height + 2 * amount)
        return self.resized(Size(width, height))

    def resized(self, size: Size) -> Box:
        """A box of that size about the same centre (rounded to the upper left)."""
        return Box(
            self.x + (self.width - size.width) // 2,
            self.y + (self.height - size.height) // 2,
            size.width,
            size.height,
        )

    def clamp(self, bounds: Box) -> Box:
        """Moved into `bounds`, and made smaller only where it is larger than they are."""
        width, height = min(self.width, bounds.width), min(self.height, bounds.height)
        return Box(
            min(max(self.x, bounds.x), bounds.right - width),
            min(max(self.y, bounds.y), bounds.bottom - height),
            width,
            height,
        )

    def translate(self, dx: int, dy: int) -> Box:
        return Box(self.x + dx, self.y + dy, self.width, self.height)

    def to_inner(self, outer: Box) -> Box:
        """This box in the coordinates of `outer`, whose upper left pixel is 0, 0."""
        return self.translate(-outer.x, -outer.y)

    def to_outer(self, outer: Box) -> Box:
        """The inverse of `to_inner`."""
        return self.translate(outer.x, outer.y)

    def scaled(self, factor_x: float, factor_y: float) -> Box:
        """The smallest box that covers this one after scaling about 0, 0."""
        left, top = math.floor(self.x * factor_x), math.floor(self.y * factor_y)
        right = max(left + 1, math.ceil(self.right * factor_x))
        bottom = max(top + 1, math.ceil(self.bottom * factor_y))
        return Box.from_edges(left, top, right, bottom)


BEFORE_STEPS, AFTER_STEPS = 1, 1  # encoding and decoding cost about as much as so many steps


@dataclass(frozen=True, slots=True)
class Work:
    """How one pass works on a picture. The model paints `size` px and sees at most `tile` of them
    at one time; `content` of these, from the upper left, are the picture, and beyond them its
    border goes on, for sizes are multiples."""

    size: Size
    content: Size
    tile: Size
    step: int  # px: tiles lie on multiples of this

    @classmethod
    def whole(cls, size: Size) -> Work:
        return cls(size, size, size, 1)

    @property
    def tiled(self) -> bool:
        return self.tile != self.size

    @property
    def tiles(self) -> list[Box]:
        return cover(self.size, self.tile, self.step)

    @property
    def seen(self) -> int:
        """Pixels that the model sees in one step."""
        return len(self.tiles) * self.tile.pixels

    def cost(self, steps: int) -> int:
        """Pixels that the model sees in so many steps, with what goes before and after them."""
        return self.seen * (steps + BEFORE_STEPS + AFTER_STEPS)


def cover(size: Size, tile: Size, step: int) -> list[Box]:
    """Boxes of `tile` px that cover all of `size`, row by row: as few as share a 4th of their side
    with their neighbours, evenly spread over multiples of `step`. `tile` is no larger than `size`,
    and both are multiples of `step` unless they are the same."""
    across = _offsets(size.width, tile.width, step)
    down = _offsets(size.height, tile.height, step)
    return [Box(x, y, tile.width, tile.height) for y in down for x in across]


def _offsets(length: int, side: int, step: int) -> list[int]:
    room = length - side
    if room == 0:
        return [0]
    stride = max((side - math.ceil(side / OVERLAP)) // step * step, step)
    count = math.ceil(room / stride)
    return [round(index * room / count / step) * step for index in range(count + 1)]
