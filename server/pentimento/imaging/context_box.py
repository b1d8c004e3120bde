"""Which part of the image the model gets to see of a selection, and how its edge fades out.

`context_box(selection, bounds, limits) -> Box` is the box that is sent: the plan, the engine and
(through `/v1/plan`) the plug-in use it. No numpy here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from pentimento.core.geometry import Box, Size
from pentimento.imaging.sizing import SizeLimits, raised_to

CONTEXT_SHARE = 0.25  # of the selection's mean side, added on each side as context
MOSTLY_NEW = 0.9  # strengths from which on twice as much context is the least
TIGHT, WIDE = 0.1, 1.0  # shares of context that can be asked for
FADE, LEAST_FADE, MOST_FADE = 0.1, 32.0, 500  # of a diagonal; px; px on each side
FADE_BEHIND = 0.01  # of a diagonal, where what lies beyond a selection is a subject
FADE_GAP = 4  # px beyond the selection at which its mask begins to fade
CONTEXT_LEAST = 8  # at least native_size / 8 px of context on each side
MOST_ELONGATED = 2.0  # a context box grows its short side until its aspect is at most this


def second_box(selection: Box, bounds: Box, limits: SizeLimits) -> Box:
    """What a second pass works on: the selection with an 8th of the native size around it, and
    where there is room at least one native size, inside `bounds`."""
    around = selection.pad(limits.native_size // CONTEXT_LEAST)
    least = limits.native_size
    wanted = Size(max(around.width, least), max(around.height, least))
    return around.resized(wanted).clamp(bounds)


@dataclass(frozen=True, slots=True)
class Edge:
    """How far a mask is grown, and how wide it fades out there; px."""

    grow: int
    feather: int

    @property
    def reach(self) -> int:
        return self.grow + self.feather


def automatic_edge(selection: Size, strength: float, native: int, *, behind: bool = False) -> Edge:
    """An edge that is not seen: the selection itself keeps its values, and beyond it the mask fades
    out over a tenth of the selection's diagonal times the strength. (The widths are Krita AI
    Diffusion's rule; there the transition reaches into the selection.) `behind`: beyond the
    selection is a subject that stays, of which a hundredth is enough."""
    if behind:
        half = int(FADE_BEHIND * strength * math.hypot(selection.width, selection.height)) // 2
        return Edge(half, half)
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
        raised_to(max(padded.width, least), limits.multiple),
        raised_to(max(padded.height, least), limits.multiple),
    )
    return inside.resized(wanted).clamp(bounds)
