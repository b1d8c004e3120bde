"""What lies under a selection before it is filled: the surroundings' colours, going on.

- `under(seen, mask, way, usable) -> np.ndarray`
- `WAYS`: by their names; which one suits what a selection is for, `Intent.under` says
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from pentimento.imaging import exemplar

COPIED = "copied"  # the way that fills with the surroundings themselves, not their colours alone
RADIUS = 3  # px that OpenCV's inpainting looks at around each place
SMOOTH = 1 / 16  # sigma of the blur over what was continued, as a share of the selection's side
WORKING = 512  # px of the longer side at which borders are continued: colours, not detail
RING = 1 / 8  # of the selection's side: how wide the surroundings are whose mean colour counts


def under(
    seen: np.ndarray, mask: np.ndarray, way: str, usable: np.ndarray | None = None
) -> np.ndarray:
    """`(h, w, 3)` float32 0..1: `seen` with the places that the `(h, w)` mask 0..255 selects filled
    in. What is not selected stays as it is, and where nothing is left around, so does all. What is
    copied comes from where the `(h, w)` bool `usable` is; the colours of a border, where too little
    of that is left."""
    hole = mask > 0
    if not hole.any() or hole.all():
        return seen
    filled = _copied(seen, hole, usable) if way == COPIED else WAYS[way](seen, hole)
    share = (mask / np.float32(255))[..., None]
    return np.clip(seen + (filled - seen) * share, 0, 1).astype(np.float32)


def _copied(seen: np.ndarray, hole: np.ndarray, usable: np.ndarray | None = None) -> np.ndarray:
    try:
        return exemplar.fill(seen, hole, usable)
    except exemplar.NothingToCopy:
        return _border(seen, hole)


def _side(hole: np.ndarray) -> float:
    return float(np.sqrt(hole.sum()))


def _border(seen: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Borders continued along their edges (Bertalmio et al. 2001, "Navier-Stokes, Fluid Dynamics,
    and Image and Video Inpainting") and then blurred, for only their colours are known."""
    filled = _inpainted(seen, hole, cv2.INPAINT_NS)
    return cv2.GaussianBlur(filled, (0, 0), max(1.0, _side(hole) * SMOOTH))


def _opencv(seen: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Telea 2004, "An Image Inpainting Technique Based on the Fast Marching Method"."""
    return _inpainted(seen, hole, cv2.INPAINT_TELEA)


def _inpainted(seen: np.ndarray, hole: np.ndarray, method: int) -> np.ndarray:
    height, width = hole.shape
    scale = min(WORKING / max(height, width), 1.0)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    small = cv2.resize(np.rint(seen * 255).astype(np.uint8), size, interpolation=cv2.INTER_AREA)
    holes = (cv2.resize(hole.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0) * 255
    filled = cv2.inpaint(small, holes.astype(np.uint8), RADIUS, method)
    large = cv2.resize(filled, (width, height), interpolation=cv2.INTER_LINEAR)
    return large.astype(np.float32) / 255


def _blur(seen: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """What is there itself, without anything that could be recognised."""
    return cv2.GaussianBlur(seen, (0, 0), max(1.0, _side(hole) / 4))


def _ring(seen: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """The mean colour of what is around."""
    distance = cv2.distanceTransform((~hole).astype(np.uint8), cv2.DIST_L2, 3)
    around = ~hole & (distance <= max(2.0, _side(hole) * RING))
    mean = seen[around].mean(axis=0) if around.any() else seen[~hole].mean(axis=0)
    return np.broadcast_to(mean.astype(np.float32), seen.shape)


WAYS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    COPIED: _copied,
    "border": _border,
    "opencv": _opencv,
    "blur": _blur,
    "ring": _ring,
    "source": lambda seen, _: seen,
}
