"""At which size a model works, and which part of the image it gets to see. No numpy here.

`generation_size(size, limits) -> Size` and `context_box(selection, bounds, limits) -> Box` are the
only sizing rules of the project: the plan, the engine and (through `/v1/plan`) the plug-in use
them. Models that edit by instruction read pictures at the sizes they were trained with, as their
authors' pipelines have them.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Protocol

from pentimento.core.errors import TooLarge
from pentimento.core.geometry import Box, Size, Work
from pentimento.core.settings import MAX_PIXELS, MAX_SIDE

CONTEXT_SHARE = 0.25  # of the selection's mean side, added on each side as context
MOSTLY_NEW = 0.9  # strengths from which on twice as much context is the least
TIGHT, WIDE = 0.1, 1.0  # shares of context that can be asked for
FADE, LEAST_FADE, MOST_FADE = 0.1, 32.0, 500  # of a diagonal; px; px on each side
FADE_GAP = 4  # px beyond the selection at which its mask begins to fade
CONTEXT_LEAST = 8  # at least native_size / 8 px of context on each side
MOST_ELONGATED = 2.0  # a context box grows its short side until its aspect is at most this
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
    step = _up(TILE_STEP, limits.multiple)
    side = max(_up(limits.native_size, step), 2 * step, math.isqrt(most) // step * step)
    raised = _raised(size, step)
    tile = Size(min(raised.width, side), min(raised.height, side))
    return Work(raised, size, tile, step)


def needs_second_pass(size: Size, first: Work) -> bool:
    """Whether new content for `size` px was laid out so much smaller that detail is missing."""
    return size.pixels > first.size.pixels * ENLARGED


def second_box(selection: Box, bounds: Box, limits: SizeLimits) -> Box:
    """What a second pass works on: the selection with an 8th of the native size around it, and
    where there is room at least one native size, inside `bounds`."""
    around = selection.pad(limits.native_size // CONTEXT_LEAST)
    least = limits.native_size
    wanted = Size(max(around.width, least), max(around.height, least))
    return around.resized(wanted).clamp(bounds)


def _raised(size: Size, step: int) -> Size:
    return Size(_up(size.width, step), _up(size.height, step))


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


@dataclass(frozen=True, slots=True)
class Edge:
    """How far a mask is grown, and how wide it fades out there; px."""

    grow: int
    feather: int

    @property
    def reach(self) -> int:
        return self.grow + self.feather


def automatic_edge(selection: Size, strength: float, native: int) -> Edge:
    """An edge that is not seen: the selection itself keeps its values, and beyond it the mask fades
    out over a tenth of the selection's diagonal times the strength. (The width is Krita AI
    Diffusion's rule; there the transition reaches into the selection.)"""
    least = round(min(LEAST_FADE, native / 16) * strength)
    fade = max(int(FADE * strength * math.hypot(selection.width, selection.height)), least)
    half = min(fade // 2, MOST_FADE)
    return Edge(FADE_GAP + half, half)


def context_share(strength: float) -> float:
    """Of the selection's mean side: the more is new, the more of its surroundings it needs."""
    return CONTEXT_SHARE + 0.5 * max(0.0, (strength - 0.6) / 0.4)


def context_box(
    selection: Box,
    bounds: Box,
    limits: SizeLimits,
    strength: float = 0.0,
    share: float | None = None,
) -> Box:
    """The part of `bounds` the model sees when `selection` is regenerated.

    The selection plus a share of its mean side all round: by the strength, if none is given, and
    then at least an eighth of the native size, for new content a quarter. At least half the native
    size, never more elongated than 2:1, sides multiples of `limits.multiple`; moved rather than cut
    at the borders. Contains the selection's part inside `bounds` always. Raises ValueError when
    there is none.
    """
    inside = selection.intersect(bounds)
    if inside is None:
        raise ValueError("the selection lies outside the picture")
    mean = math.sqrt(inside.size.pixels)
    least_context = limits.native_size // CONTEXT_LEAST
    if share is None:
        share = context_share(strength)
        least_context *= 2 if strength >= MOSTLY_NEW else 1
    padding = max(round(share * mean), least_context)
    padded = inside.pad(padding)
    least = max(limits.native_size // 2, math.ceil(padded.size.longest / MOST_ELONGATED))
    wanted = Size(
        _up(max(padded.width, least), limits.multiple),
        _up(max(padded.height, least), limits.multiple),
    )
    return inside.resized(wanted).clamp(bounds)


def _fitting(size: Size, factor: float, limits: SizeLimits) -> Size:
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


def _up(value: int, step: int) -> int:
    return math.ceil(value / step) * step


MEGAPIXEL = 1024 * 1024
LOOKED_AT = 384 * 384  # px that the text encoder of Qwen-Image-Edit-Plus gets
TOKEN = 16  # px of a token's side
QWEN_STEP = 32
KONTEXT = (  # width and height; those turned over are there too
    *((1024, 1024), (1104, 944), (1184, 880), (1248, 832), (1328, 800)),
    *((1392, 752), (1456, 720), (1504, 688), (1568, 672)),
)


def at_most_one_megapixel(size: Size) -> Size:
    """Its own size in whole tokens, larger ones reduced (FLUX.2)."""
    shrunk = min(1.0, math.sqrt(MEGAPIXEL / size.pixels))
    return Size(_tokens(int(size.width * shrunk)), _tokens(int(size.height * shrunk)))


def kontext(size: Size) -> Size:
    """The one nearest in aspect of those that FLUX.1 Kontext was trained with."""
    sizes = [Size(*sides) for wide in KONTEXT for sides in (wide, wide[::-1])]
    return min(sizes, key=lambda one: (abs(size.aspect - one.aspect), one.width))


def about_one_megapixel(size: Size) -> Size:
    """Of that area and the same aspect (Qwen-Image-Edit)."""
    return _of_area(size, MEGAPIXEL)


def looked_at(size: Size) -> Size:
    """For the eyes of a text encoder that sees several pictures (Qwen-Image-Edit-Plus)."""
    return _of_area(size, LOOKED_AT)


def _of_area(size: Size, area: int) -> Size:
    width = math.sqrt(area * size.aspect)
    sides = (round(side / QWEN_STEP) * QWEN_STEP for side in (width, width / size.aspect))
    return Size(*(max(side, QWEN_STEP) for side in sides))


def _tokens(side: int) -> int:
    return max(side // TOKEN, 1) * TOKEN
