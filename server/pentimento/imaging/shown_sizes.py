"""The sizes at which models that edit by instruction read the pictures they are shown: those that
they were trained with, as their authors' pipelines have them. No numpy here.
"""

from __future__ import annotations

import math

from pentimento.imaging.geometry import Size

MEGAPIXEL = 1024 * 1024
TOKEN = 16  # px of a token's side


def at_most_one_megapixel(size: Size) -> Size:
    """Its own size in whole tokens, larger ones reduced (FLUX.2)."""
    shrunk = min(1.0, math.sqrt(MEGAPIXEL / size.pixels))
    return Size(_tokens(int(size.width * shrunk)), _tokens(int(size.height * shrunk)))


def _tokens(side: int) -> int:
    return max(side // TOKEN, 1) * TOKEN
