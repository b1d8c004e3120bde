"""Masks: 255 = regenerate, 0 = keep, values between count in proportion; and blending by them.

- `soft_mask(mask_u8, options) -> f32 (h, w)`: after grow, feather and blend, 0..255 unrounded
- `effective_mask(mask_u8, options) -> u8 (h, w)`: the same in whole numbers
- `bounds(mask_u8) -> Box | None`: around everything above 0
- `reach(options) -> int`: px beyond the mask that can become non-zero
- `blend(source, generated, mask)`: exact where the mask is 0, soft in between
"""

from __future__ import annotations

import cv2
import numpy as np

from pentimento.core.geometry import Box
from pentimento.imaging.pixels import FULL, bands
from pentimento.schema.job import MaskOptions

FEATHER_SIGMAS = 3.5  # a feather of r px is a Gaussian of sigma r / 3.5, as in GIMP
FULL_MASK = 255
NOTHING = 0.01  # of 255: what arithmetic leaves over where a mask has ended or is full
LARGEST_DISC = 15  # px; wider radii go in rounds of this, much faster than one large disc


def soft_mask(mask: np.ndarray, options: MaskOptions) -> np.ndarray:
    """The `(h, w)` u8 mask with the options applied, as float32 0..255: in a wide feather its 256
    levels would be steps that a deep picture shows. Beyond `reach(options)` px it stays 0.

    Beyond the border the mask counts as going on, so a selection that touches the edge of the
    picture does not fade there.
    """
    result = _grown(mask, options.grow).astype(np.float32)
    result = _feathered(result, options.feather)
    return _with_band_outside(result, options.blend)


def effective_mask(mask: np.ndarray, options: MaskOptions) -> np.ndarray:
    """The soft mask as u8."""
    return rounded(soft_mask(mask, options))


def rounded(mask: np.ndarray) -> np.ndarray:
    """A soft mask as u8. Only what is 0 or 255 becomes so, for these two promise exact pixels."""
    result = np.empty(mask.shape, np.uint8)
    for rows in bands(len(mask), mask.shape[1]):
        part = mask[rows]
        between = np.clip(np.rint(part), 1, FULL_MASK - 1)
        exact = (part <= 0) | (part >= FULL_MASK)
        result[rows] = np.where(exact, np.clip(part, 0, FULL_MASK), between)
    return result


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
        mask,
        (side, side),
        radius / FEATHER_SIGMAS,
        borderType=cv2.BORDER_REPLICATE,
    )
    blurred[blurred < NOTHING] = 0
    blurred[blurred > FULL_MASK - NOTHING] = FULL_MASK
    return blurred


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


def blend(source: np.ndarray, generated: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The source with `generated` laid over it, in the source's own depth.

    source: `(h, w, 4)` u8, u16 or f32, straight alpha. generated: the same shape, of the same
    dtype or float32 0..1. mask: `(h, w)` u8, or float32 0..255. Where the mask is 0 the result is
    the source bit for bit, where it is 255 it is `generated` rounded to the source's depth;
    between, premultiplied colours are mixed (Porter and Duff 1984, "over" with a coverage) and
    rounded to nearest.
    """
    if source.shape != generated.shape or source.shape[:2] != mask.shape:
        raise ValueError(f"shapes differ: {source.shape}, {generated.shape}, {mask.shape}")
    result = source.copy()
    for rows in bands(len(source), source.shape[1] * 4):
        changed = mask[rows] > 0
        if changed.any():
            result[rows][changed] = _mixed(
                source[rows][changed], generated[rows][changed], mask[rows][changed]
            )
    return result


def _mixed(below: np.ndarray, above: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """`(n, 4)` pixels mixed in proportion of `(n,)` mask values, in the depth of `below`."""
    full = FULL[below.dtype]
    weight = mask[:, None] / 255.0
    low, high = below / full, above / FULL.get(above.dtype, 1.0)  # float64
    low_part, high_part = low[:, 3:] * (1 - weight), high[:, 3:] * weight
    alpha = low_part + high_part
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(alpha > 0, high_part / alpha, weight)
        colour = low[:, :3] + (high[:, :3] - low[:, :3]) * share  # of floats that may be infinite
    mixed = np.concatenate([colour, alpha], axis=1)
    mixed[mask == 255] = high[mask == 255]
    if below.dtype == np.float32:
        return mixed.astype(np.float32)
    return np.rint(np.clip(mixed, 0, 1) * full).astype(below.dtype)
