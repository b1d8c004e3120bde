"""Putting a generated picture into its source: exact where the mask is 0, soft in between.

`blend(source, generated, mask) -> np.ndarray`
"""

from __future__ import annotations

import numpy as np

from pentimento.imaging.pixels import FULL

BAND = 256  # rows at a time, which bounds the memory for float copies


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
    for top in range(0, len(source), BAND):
        rows = slice(top, top + BAND)
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
    colour = low[:, :3] + (high[:, :3] - low[:, :3]) * share
    mixed = np.concatenate([colour, alpha], axis=1)
    mixed[mask == 255] = high[mask == 255]
    if below.dtype == np.float32:
        return mixed.astype(np.float32)
    return np.rint(np.clip(mixed, 0, 1) * full).astype(below.dtype)
