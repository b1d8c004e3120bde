"""Masks: 255 = regenerate, 0 = keep, values between count in proportion.

- `effective_mask(mask_u8, options) -> u8 (h, w)`: after grow, feather and blend
- `bounds(mask_u8) -> Box | None`: around everything above 0
- `reach(options) -> int`: px beyond the mask that can become non-zero
"""

from __future__ import annotations

from typing import Protocol

import cv2
import numpy as np

from pentimento.imaging.geometry import Box


class MaskOptions(Protocol):
    """Changes of a mask in px; all 0 leaves it as it is."""

    @property
    def grow(self) -> int: ...
    @property
    def feather(self) -> int: ...
    @property
    def blend(self) -> int: ...


FEATHER_SIGMAS = 3.5  # a feather of r px is a Gaussian of sigma r / 3.5, as in GIMP
LARGEST_DISC = 15  # px; wider radii go in rounds of this, much faster than one large disc


def effective_mask(mask: np.ndarray, options: MaskOptions) -> np.ndarray:
    """The `(h, w)` u8 mask with the options applied; beyond `reach(options)` px it stays 0.

    Beyond the border the mask counts as going on, so a selection that touches the edge of the
    picture does not fade there.
    """
    result = _grown(mask, options.grow)
    result = _feathered(result, options.feather)
    return _with_band_outside(result, options.blend)


def reach(options: MaskOptions) -> int:
    return max(options.grow, 0) + options.feather + options.blend


def bounds(mask: np.ndarray) -> Box | None:
    """The smallest box around all values above 0; None for an empty mask."""
    rows = np.flatnonzero(mask.any(axis=1))
    columns = np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    return Box.from_edges(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)


def _grown(mask: np.ndarray, amount: int) -> np.ndarray:
    """Dilated by a disc of `amount` px, or eroded by one of `-amount`; soft values keep."""
    change = cv2.dilate if amount > 0 else cv2.erode
    left, result = abs(amount), mask
    while left:
        radius = min(left, LARGEST_DISC)
        result = change(result, _disc(radius))
        left -= radius
    return result


def _feathered(mask: np.ndarray, radius: int) -> np.ndarray:
    """Blurred inward and outward; the transition is at most `radius` px wide on each side."""
    if radius == 0:
        return mask
    side = 2 * radius + 1
    blurred = cv2.GaussianBlur(
        mask.astype(np.float32),
        (side, side),
        radius / FEATHER_SIGMAS,
        borderType=cv2.BORDER_REPLICATE,
    )
    return np.rint(blurred).astype(np.uint8)


def _with_band_outside(mask: np.ndarray, width: int) -> np.ndarray:
    """A soft band of at most `width` px around the mask, whose own values stay."""
    if width == 0:
        return mask
    outer = (width + 1) // 2
    return np.maximum(mask, _feathered(_grown(mask, outer), width - outer))


def _disc(radius: int) -> np.ndarray:
    """All offsets whose centre lies within `radius` px."""
    ramp = np.arange(-radius, radius + 1)
    return (ramp[:, None] ** 2 + ramp[None, :] ** 2 <= radius * radius).astype(np.uint8)
