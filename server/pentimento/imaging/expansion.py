"""Which parts of an enlarged canvas are painted one after another when a picture is continued.

- `sections(size, sides, native)`: the sections, in the order in which they are painted
- `Sides.asked(size, ...)`: amounts as people give them: px, percent, an aspect ratio
- `fading(...)`: how soft a section's edge is

A model continues what it sees: each section shows it at least a quarter of its native side of what
is there already, old or painted before, and is new in at most half. The left and right come first,
along the old picture; then the top and bottom along all of the new width, and so the corners.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pentimento.core.errors import BadInput, field_error
from pentimento.core.geometry import Box, Size

if TYPE_CHECKING:
    import numpy as np

    from pentimento.schema.job import Expand

LEAST_OVERLAP = 4  # of the native side is an overlap at least this part
MOST_NEW = 2  # and a section's new part is at most this part of it
AMOUNT = re.compile(r"^\s*(\d+(?:[.,]\d+)?)\s*(%|px)?\s*$")
RATIO = re.compile(r"^\s*(\d+(?:[.,]\d+)?)\s*[:/x]\s*(\d+(?:[.,]\d+)?)\s*$")


@dataclass(frozen=True, slots=True)
class Sides:
    """px that a canvas grows by."""

    left: int = 0
    top: int = 0
    right: int = 0
    bottom: int = 0

    @classmethod
    def of(cls, expand: Expand | None) -> Sides:
        """As a request has them; none where it does not grow."""
        return cls(**expand.model_dump()) if expand else cls()

    @property
    def any(self) -> bool:
        return any((self.left, self.top, self.right, self.bottom))

    def around(self, size: Size) -> Size:
        """The enlarged canvas of a picture of `size`."""
        return Size(
            size.width + self.left + self.right,
            size.height + self.top + self.bottom,
        )

    def old(self, size: Size) -> Box:
        """Where the picture of `size` lies in it."""
        return Box(self.left, self.top, size.width, size.height)

    @classmethod
    def asked(cls, size: Size, amounts: dict[str, str], aspect: str = "") -> Sides:
        """From amounts by side, such as `25%` or `120`, of the picture's width or height; what an
        `aspect` such as `16:9` still lacks is added to both sides alike, or where one amount of
        that direction is given, to the other side. Raises BadInput."""
        found = {
            side: _amount(side, amounts.get(side, ""), size)
            for side in ("left", "top", "right", "bottom")
        }
        if aspect:
            found = _with_aspect(found, size, aspect, amounts)
        return cls(**found)


def _amount(side: str, text: str, size: Size) -> int:
    if not text.strip():
        return 0
    match = AMOUNT.match(text)
    if match is None:
        raise BadInput(
            "bad_request",
            f"“{text}” is no amount for the {side} side.",
            "Give px, such as 120, or a part of the picture, such as 25%.",
            details=field_error(side, "is no amount"),
        )
    number = float(match[1].replace(",", "."))
    whole = size.width if side in ("left", "right") else size.height
    return round(number * whole / 100) if match[2] == "%" else round(number)


def _with_aspect(
    found: dict[str, int], size: Size, aspect: str, amounts: dict[str, str]
) -> dict[str, int]:
    match = RATIO.match(aspect)
    numbers = [float(one.replace(",", ".")) for one in match.groups()] if match else [0.0]
    if min(numbers) <= 0:
        raise BadInput(
            "bad_request",
            f"“{aspect}” is no aspect ratio.",
            "Give width and height, such as 16:9.",
            details=field_error("aspect", "is no ratio"),
        )
    wanted, now = numbers[0] / numbers[1], Sides(**found).around(size)
    if now.aspect < wanted:
        missing, first, second = round(now.height * wanted) - now.width, "left", "right"
    else:
        missing, first, second = round(now.width / wanted) - now.height, "top", "bottom"
    one_given = bool(amounts.get(first)) != bool(amounts.get(second))
    share = missing // 2
    if one_given:
        share = 0 if amounts.get(first) else missing
    return found | {first: found[first] + share, second: found[second] + missing - share}


@dataclass(frozen=True, slots=True)
class Section:
    """`box` is what the model sees, `new` the part of it that is not there yet; px of the enlarged
    canvas."""

    box: Box
    new: tuple[Box, ...]


def sections(size: Size, sides: Sides, native: int) -> list[Section]:
    """Those of a picture of `size` px for a model of that native side. Every new px is in just one
    `new`, and all else in a box is there when it is painted."""
    canvas = sides.around(size)
    whole, old = Box(0, 0, canvas.width, canvas.height), sides.old(size)
    strips = list(_strips(old, whole))
    at_once = max(canvas.width, canvas.height) <= native
    if at_once and whole.size.pixels <= MOST_NEW * size.pixels:
        return [Section(whole, tuple(strips))] if strips else []
    found: list[Section] = []
    there = old
    for strip in strips:
        found += _along(there, strip, native)
        there = there.union(strip)
    return found


def _strips(old: Box, whole: Box) -> Iterator[Box]:
    """The new parts of a canvas: beside the old picture, then over and under all of it."""
    if old.x > whole.x:
        yield Box.from_edges(whole.x, old.y, old.x, old.bottom)
    if old.right < whole.right:
        yield Box.from_edges(old.right, old.y, whole.right, old.bottom)
    if old.y > whole.y:
        yield Box.from_edges(whole.x, whole.y, whole.right, old.y)
    if old.bottom < whole.bottom:
        yield Box.from_edges(whole.x, old.bottom, whole.right, whole.bottom)


def _along(there: Box, strip: Box, native: int) -> Iterator[Section]:
    """The sections of one strip, from what is there outward, each layer from end to end."""
    level = strip.y == there.y and strip.height == there.height  # beside it, not over or under
    length = strip.height if level else strip.width
    depth = strip.width if level else strip.height
    known = there.width if level else there.height
    outward = strip.x < there.x if level else strip.y < there.y
    for start, thick in _parts(depth, max(native // MOST_NEW, 1)):
        behind = min(max(native - thick, thick, native // LEAST_OVERLAP), known + start)
        for first, stop, begun in _segments(length, native):
            new = _placed(strip, level, outward, start, thick, begun, stop)
            seen = _placed(strip, level, outward, start - behind, thick + behind, first, stop)
            yield Section(seen, (new,))


def _parts(whole: int, most: int) -> Iterator[tuple[int, int]]:
    """As few parts of at most `most` px as there have to be, all nearly alike: start, length."""
    count = math.ceil(whole / most)
    edges = [whole * number // count for number in range(count + 1)]
    yield from ((low, high - low) for low, high in itertools.pairwise(edges))


def _segments(length: int, native: int) -> Iterator[tuple[int, int, int]]:
    """Spans along a strip: where one is seen from, its end, and where its new part begins."""
    overlap = math.ceil(native / LEAST_OVERLAP)
    begun = 0
    while begun < length:
        first = max(min(begun - overlap, length - native), 0) if begun else 0
        stop = min(first + max(native, overlap + 1), length)
        yield first, stop, begun
        begun = stop


def _placed(
    strip: Box, level: bool, outward: bool, start: int, thick: int, first: int, stop: int
) -> Box:
    """A part of a strip: `start` and `thick` count from what was there, `first` and `stop` along
    it. Starts below 0 lie in what was there."""
    if level:
        x = strip.right - start - thick if outward else strip.x + start
        return Box(x, strip.y + first, thick, stop - first)
    y = strip.bottom - start - thick if outward else strip.y + start
    return Box(strip.x + first, y, stop - first, thick)


def fading(section: Section, old: Box, feather: int, between: int) -> np.ndarray:
    """`(h, w)` u8, 255 where the section is new. It fades out over `feather` px into the old
    picture, and over `between` px into what was painted before; 0 is not at all."""
    import cv2  # the front, which only counts sections, does without
    import numpy as np

    height, width = section.box.height, section.box.width
    new = np.zeros((height, width), np.uint8)
    for part in section.new:
        inside = part.to_inner(section.box)
        new[inside.y : inside.bottom, inside.x : inside.right] = 255
    if not (feather or between):
        return new
    away = cv2.distanceTransform(255 - new, cv2.DIST_L2, 5)
    width_there = np.full((height, width), float(between), np.float32)
    kept = old.intersect(section.box)
    if kept is not None:
        inside = kept.to_inner(section.box)
        width_there[inside.y : inside.bottom, inside.x : inside.right] = feather
    share = np.clip(1 - away / np.maximum(width_there + 1, 1), 0, 1)
    smooth = share * share * (3 - 2 * share)
    return np.where(new > 0, 255, np.rint(smooth * 255)).astype(np.uint8)
