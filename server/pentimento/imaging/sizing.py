"""At which size a model works. No numpy here.

`generation_size(size, limits) -> Size` and `own_size(size, limits) -> Work` are the only such rules
of the project: the plan, the engine and (through `/v1/plan`) the plug-in use them. Which part of
an image is worked on says `context_box.py`.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Protocol

from pentimento.core.errors import TooLarge
from pentimento.core.geometry import Size, Work
from pentimento.core.settings import MAX_PIXELS, MAX_SIDE

KEPT_SIZE_SLACK = 0.94  # of the native area: sizes this close are not enlarged
ENLARGED = 1.3  # times the pixels of a first pass, beyond which a second one adds detail
FILL_SNR = 0.0075  # where a fill begins that has its surroundings' colours under it: most of what
# SD 1.5 is left with at its noisiest level (0.0047), and no form that could be recognised
SECOND_SNR = 0.9  # signal over noise, in squares, where it begins: SD 1.5 at strength 0.37
TILE_STEP = 64  # px: tiles lie on multiples of what a UNet halves three times, 8 latents of 8 px


class SizeLimits(Protocol):
    """What sizing needs to know of a model; `pentimento.models.ModelInfo` has it."""

    @property
    def native_size(self) -> int: ...
    @property
    def multiple(self) -> int: ...
    @property
    def min_size(self) -> int: ...
    @property
    def max_pixels(self) -> int: ...


class WorkLimits(SizeLimits, Protocol):
    @property
    def whole_pixels(self) -> int:
        """The largest picture that is refined as a whole; 0: as many as `max_pixels`."""
        ...


@dataclass(frozen=True, slots=True)
class Bounds:
    """Plain `WorkLimits`."""

    native_size: int
    multiple: int
    min_size: int
    max_pixels: int
    whole_pixels: int = 0


def refuse_huge(size: Size, pixels: int = MAX_PIXELS, side: int = MAX_SIDE) -> None:
    """Raises TooLarge. Whatever makes pixels of a size that somebody else has chosen asks first."""
    if size.pixels > pixels or size.longest > side:
        raise TooLarge(
            "too_many_pixels",
            f"{size} px are more than one picture may have.",
            f"At most {pixels / 1e6:.4g} megapixels and {side} px a side.",
        )


def at_native_area(limits: SizeLimits) -> SizeLimits:
    """The same, but nothing is larger than the pictures that the model was trained with."""
    area = limits.native_size**2
    return Bounds(limits.native_size, limits.multiple, limits.min_size, area, area)


def own_size(size: Size, limits: WorkLimits) -> Work:
    """How a picture of `size` px is refined: pixel for pixel, so that nothing is lost by scaling.

    As a whole where it has at most `whole_pixels`, in tiles beyond. Only pictures that a model
    cannot work on at their own size are scaled: those below its native area, and strips thinner
    than `min_size`.
    """
    small = size.pixels < limits.native_size**2 * KEPT_SIZE_SLACK
    if small or size.shortest < limits.min_size:
        return Work.whole(generation_size(size, limits))
    whole = _raised(size, limits.multiple)
    most = limits.whole_pixels or limits.max_pixels
    if whole.pixels <= most:
        return Work(whole, size, whole, 1)
    step = raised_to(TILE_STEP, limits.multiple)
    side = max(raised_to(limits.native_size, step), 2 * step, math.isqrt(most) // step * step)
    raised = _raised(size, step)
    tile = Size(min(raised.width, side), min(raised.height, side))
    return Work(raised, size, tile, step)


def needs_second_pass(size: Size, first: Work) -> bool:
    """Whether new content for `size` px was laid out so much smaller that detail is missing."""
    return size.pixels > first.size.pixels * ENLARGED


def _raised(size: Size, step: int) -> Size:
    return Size(raised_to(size.width, step), raised_to(size.height, step))


def generation_size(size: Size, limits: SizeLimits) -> Size:
    """The size at which new content for `size` px is laid out.

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


def _fitting(size: Size, factor: float, limits: SizeLimits) -> Size:
    """The size the model takes that is nearest to `factor` times `size`."""
    step = limits.multiple
    least = raised_to(limits.min_size, step)
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


def _factor(size: Size, limits: SizeLimits) -> float:
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


def raised_to(value: int, step: int) -> int:
    return math.ceil(value / step) * step
