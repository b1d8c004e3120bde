"""Gives back what an autoencoder loses of a picture, wherever the picture still is there.

An autoencoder smooths: of the source it returns less than it was given. Where a generated picture
still shows the same as that return, the loss can be added again; where something else was painted,
it would shine through as a ghost.

- `give_back(made, source, returned, strength) -> float`: in place; how much was given back
- `agreement(made, returned) -> np.ndarray`: 0..1, where two pictures show the same
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from pentimento.imaging import pixels

TOLERANCE = 0.15  # difference of colour, 0..1, from which on two places show something else
SCALES = (2.0, 6.0)  # sigmas in px at which pictures are compared: structure and its surroundings
BAND = 2**20  # values at a time, which bounds the memory
HALO = 32  # rows that a band looks beyond itself, more than the blurs reach


Source = Callable[[int, int], np.ndarray]  # rows from, rows to


def give_back(made: np.ndarray, source: Source, returned: np.ndarray, strength: float) -> float:
    """Adds `weight * (source - returned)` to `made`, all `(h, w, 3)` float32 0..1; `source` is
    asked for rows.

    `returned` is the source after the way through the autoencoder, of which `made` came as well.
    The weight is what agrees, times 1 - strength: at strength 0 the source comes out, at 1 nothing
    of it. Answers the mean weight.
    """
    height, total = made.shape[0], 0.0
    kept: np.ndarray | None = None  # rows of `made` as they were, above the band
    for rows in pixels.bands(height, made.shape[1] * 3, BAND, HALO):
        top, bottom = rows.start, rows.stop
        first, last = max(top - HALO, 0), min(bottom + HALO, height)
        ours = made[first:last].copy()
        if kept is not None:
            ours[: top - first] = kept
        kept = ours[bottom - first - min(HALO, bottom - first) : bottom - first].copy()
        weight = agreement(ours, returned[first:last])[top - first : bottom - first]
        weight *= np.float32(1 - strength)
        loss = source(top, bottom) - returned[top:bottom]
        made[top:bottom] = np.clip(made[top:bottom] + weight[..., None] * loss, 0, 1)
        total += float(weight.sum())
    return total / made[..., 0].size


def agreement(made: np.ndarray, returned: np.ndarray) -> np.ndarray:
    """`(h, w)` float32: 1 where both are the same, falling with the largest difference of colour
    that they have at any of the scales, to nothing at all (Tukey's biweight)."""
    difference = made - returned
    worst = np.zeros(made.shape[:2], np.float32)
    for sigma in SCALES:
        blurred = cv2.GaussianBlur(np.abs(difference), (0, 0), sigma)
        worst = np.maximum(worst, blurred.max(axis=2))
    alike = np.maximum(1 - (worst / np.float32(TOLERANCE)) ** 2, 0)
    return alike * alike
