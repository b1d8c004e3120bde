"""The sizes at which models that edit by instruction read pictures: those that they were trained
with, as their authors' pipelines have them."""

from __future__ import annotations

import math

from pentimento.core.geometry import Size

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


def whole_megapixel(size: Size) -> Size:
    """Of that area and the same aspect, in whole tokens and none less (LongCat-Image-Edit)."""
    width = math.sqrt(MEGAPIXEL * size.aspect)
    return Size(*(math.ceil(side / TOKEN) * TOKEN for side in (width, width / size.aspect)))


def half_as_wide(size: Size) -> Size:
    """What the text encoder of LongCat-Image-Edit sees of it."""
    whole = whole_megapixel(size)
    return Size(whole.width // 2, whole.height // 2)


def looked_at(size: Size) -> Size:
    """For the eyes of a text encoder that sees several pictures (Qwen-Image-Edit-Plus)."""
    return _of_area(size, LOOKED_AT)


def _of_area(size: Size, area: int) -> Size:
    width = math.sqrt(area * size.aspect)
    sides = (round(side / QWEN_STEP) * QWEN_STEP for side in (width, width / size.aspect))
    return Size(*(max(side, QWEN_STEP) for side in sides))


def _tokens(side: int) -> int:
    return max(side // TOKEN, 1) * TOKEN
