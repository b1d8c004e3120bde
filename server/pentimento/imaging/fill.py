"""Colours for transparent places: those around them, or a plain one."""

from __future__ import annotations

import cv2
import numpy as np

NEUTRAL = 0.5  # where nothing at all is opaque
PLAIN = {"white": 1.0, "black": 0.0, "gray": NEUTRAL}


def fill_transparent(rgb: np.ndarray, alpha: np.ndarray, fill: str = "surroundings") -> np.ndarray:
    """`(h, w, 3)` float32 in which transparent pixels continue their surroundings, or lie on one
    of the PLAIN colours.

    Pull and push over a pyramid (Gortler et al. 1996, "The Lumigraph", section 3.4): each level
    averages by alpha, and holes take the colour of the next coarser level. Opaque pixels stay as
    they are.
    """
    if alpha.min() >= 1:
        return rgb
    weight = alpha[..., None].astype(np.float32)
    if fill in PLAIN:
        return rgb * weight + np.float32(PLAIN[fill]) * (1 - weight)
    if alpha.max() <= 0:
        return np.full_like(rgb, NEUTRAL)
    return rgb * weight + _spread(rgb * weight, weight) * (1 - weight)


def _spread(weighted: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Colours for all pixels from `(h, w, 3)` colours times weight and `(h, w, 1)` weights."""
    mean = weighted / np.maximum(weight, 1e-6)
    height, width = weight.shape[:2]
    if max(height, width) == 1 or weight.min() >= 1:
        return mean
    half = (max(1, (width + 1) // 2), max(1, (height + 1) // 2))
    around = _spread(
        cv2.resize(weighted, half, interpolation=cv2.INTER_AREA).reshape(half[1], half[0], 3),
        cv2.resize(weight, half, interpolation=cv2.INTER_AREA).reshape(half[1], half[0], 1),
    )
    coarse = cv2.resize(around, (width, height), interpolation=cv2.INTER_LINEAR)
    coarse = coarse.reshape(height, width, 3)
    return mean * weight + coarse * (1 - weight)
