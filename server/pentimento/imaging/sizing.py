"""At which size a model works, and which part of the image it gets to see. No numpy here.

`generation_size(size, limits) -> Size` and `context_box(selection, bounds, limits) -> Box` are the
only sizing rules of the project: the plan, the engine and (through `/v1/plan`) the plug-in use
them.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Protocol

from pentimento.imaging.geometry import Box, Size

CONTEXT_SHARE = 0.25  # of the selection's mean side, added on each side as context
CONTEXT_LEAST = 8  # at least native_size / 8 px of context on each side
MOST_ELONGATED = 2.0  # a context box grows its short side until its aspect is at most this
KEPT_SIZE_SLACK = 0.94  # of the native area: sizes this close are not enlarged


class Limits(Protocol):
    """What sizing needs to know of a model; `pentimento.models.ModelInfo` has it."""

    @property
    def native_size(self) -> int: ...
    @property
    def multiple(self) -> int: ...
    @property
    def min_size(self) -> int: ...
    @property
    def max_pixels(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Bounds:
    """Plain `Limits`."""

    native_size: int
    multiple: int
    min_size: int
    max_pixels: int


def at_native_area(limits: Limits) -> Limits:
    """The same, but nothing is larger than the pictures that the model was trained with."""
    area = limits.native_size**2
    return Bounds(limits.native_size, limits.multiple, limits.min_size, area)


def generation_size(size: Size, limits: Limits) -> Size:
    """The size at which a picture of `size` px is generated; equal for all modes.

    Sides are multiples of `limits.multiple` and at least `limits.min_size`. Pictures below the
    model's native area are enlarged to it (small ones come out poor otherwise), above
    `limits.max_pixels` they are reduced. The aspect is kept as closely as the multiple permits;
    only strips thinner than `min_size` at full length are widened.
    """
    factor = _factor(size, limits)
    chosen = _fitting(size, factor, limits)
    rounded = _factor(chosen, limits)
    if factor == 1.0 < rounded:  # kept, but rounding took it below what is kept
        chosen = _fitting(size, rounded, limits)
    return chosen


def context_box(selection: Box, bounds: Box, limits: Limits) -> Box:
    """The part of `bounds` the model sees when `selection` is regenerated.

    The selection plus a quarter of its mean side (at least an eighth of the native size) all
    round, at least half the native size, never more elongated than 2:1, sides multiples of
    `limits.multiple`; moved rather than cut at the borders. Contains the selection's part inside
    `bounds` always. Raises ValueError when there is none.
    """
    inside = selection.intersect(bounds)
    if inside is None:
        raise ValueError("the selection lies outside the picture")
    mean = math.sqrt(inside.size.pixels)
    padding = max(round(CONTEXT_SHARE * mean), limits.native_size // CONTEXT_LEAST)
    padded = inside.pad(padding)
    least = max(limits.native_size // 2, math.ceil(padded.size.longest / MOST_ELONGATED))
    wanted = Size(
        _up(max(padded.width, least), limits.multiple),
        _up(max(padded.height, least), limits.multiple),
    )
    return inside.resized(wanted).clamp(bounds)


def _fitting(size: Size, factor: float, limits: Limits) -> Size:
    """The size the model takes that is nearest to `factor` times `size`."""
    step = limits.multiple
    least = _up(limits.min_size, step)
    most = limits.max_pixels // least // step * step  # the longest side that still fits
    wanted = size.width * factor, size.height * factor
    if min(wanted) < least:
        factor *= least / min(wanted)
        wanted = size.width * factor, size.height * factor
    choices = [
        Size(width, height)
        for width, height in itertools.product(*(_near(side, step, least, most) for side in wanted))
        if width * height <= limits.max_pixels
    ]
    return min(choices, key=lambda choice: _misfit(choice, size, wanted[0] * wanted[1]))


def _factor(size: Size, limits: Limits) -> float:
    native = limits.native_size**2
    if size.pixels < native * KEPT_SIZE_SLACK:
        return math.sqrt(min(native, limits.max_pixels) / size.pixels)
    if size.pixels > limits.max_pixels:
        return math.sqrt(limits.max_pixels / size.pixels)
    return 1.0


def _near(side: float, step: int, least: int, most: int) -> list[int]:
    """Allowed sides around `side`; the lower ones keep the pair under the pixel limit."""
    lower = math.floor(side / step) * step
    around = (lower - step, lower, lower + step)
    return sorted({min(max(value, least), max(most, least)) for value in (*around, least)})


def _misfit(choice: Size, size: Size, area: float) -> float:
    """How far a choice is from the wanted aspect and, counted a little less, from the area."""
    aspect = abs(math.log(choice.aspect / size.aspect))
    return aspect + 0.5 * abs(math.log(choice.pixels / area))


def _up(value: int, step: int) -> int:
    return math.ceil(value / step) * step
