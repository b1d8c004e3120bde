"""Takes the colour cast off a generated picture that has to fit into its source.

A model and its autoencoder shift colours a little, over the whole picture. Where the source was
kept, just outside the mask, both pictures should be equal: their difference there is the cast.

- `surroundings(mask, alpha) -> np.ndarray`: bool, the pixels that are compared
- `measure(generated, source, where) -> Correction | None`
- `Correction.apply(generated) -> np.ndarray`
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

SHARE = 0.12  # of the masked area's mean side: how wide the compared band is
LEAST, MOST = 8, 96  # px of its width
FEWEST = 64  # compared pixels; fewer say nothing
GAINS = (0.8, 1.25)  # a cast is small; more is another picture, not a cast
OFFSETS = (-0.12, 0.12)
TEXTURE = 2.0  # sigma in px: what is finer says nothing about contrast, as models lose it anyway
SPREAD = 0.02  # of flat surroundings nothing can be said about the contrast below this


@dataclass(frozen=True, slots=True)
class Correction:
    """`generated * gain + offset` per channel; before and after are mean absolute differences to
    the source on the compared pixels, 0..1."""

    gain: np.ndarray
    offset: np.ndarray
    pixels: int
    before: float
    after: float

    def apply(self, generated: np.ndarray) -> np.ndarray:
        """`(h, w, 3)` float32, not clipped below 0 or above 1 by more than it already was."""
        return np.clip(generated * self.gain + self.offset, 0, 1).astype(np.float32)

    def facts(self) -> dict[str, Any]:
        return {
            "gain": [round(float(value), 4) for value in self.gain],
            "offset": [round(float(value), 4) for value in self.offset],
            "pixels": self.pixels,
            "difference_before": round(self.before, 5),
            "difference_after": round(self.after, 5),
        }


def surroundings(mask: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """`(h, w)` bool: kept, opaque pixels within a band around what the `(h, w)` u8 mask changes.
    `alpha` is 0..1."""
    changed = (mask > 0).astype(np.uint8)
    side = float(np.sqrt(max(1, int(changed.sum()))))
    width = int(np.clip(side * SHARE, LEAST, MOST))
    distance = cv2.distanceTransform(1 - changed, cv2.DIST_L2, cv2.DIST_MASK_3)
    return (changed == 0) & (distance <= width) & (alpha >= 1)


def measure(generated: np.ndarray, source: np.ndarray, where: np.ndarray) -> Correction | None:
    """The correction that gives `generated` the mean and spread of `source` on the pixels `where`;
    None where too few can be compared. Both are `(h, w, 3)` float 0..1 (Reinhard et al. 2001,
    "Color transfer between images", on sRGB-encoded channels: a cast is small)."""
    found, wanted = generated[where].astype(np.float64), source[where].astype(np.float64)
    if len(found) < FEWEST:
        return None
    have, want = _spread(generated, where), _spread(source, where)
    gain = np.where(have > SPREAD, want / np.maximum(have, SPREAD), 1.0)
    gain = np.clip(gain, *GAINS)
    offset = np.clip(wanted.mean(axis=0) - gain * found.mean(axis=0), *OFFSETS)
    before = float(np.abs(found - wanted).mean())
    after = float(np.abs(np.clip(found * gain + offset, 0, 1) - wanted).mean())
    if after >= before:  # spread that is texture, not contrast: the mean alone then
        gain = np.ones(3)
        offset = np.clip(wanted.mean(axis=0) - found.mean(axis=0), *OFFSETS)
        after = float(np.abs(np.clip(found + offset, 0, 1) - wanted).mean())
    if after >= before:
        return None
    return Correction(gain, offset, len(found), before, after)


def _spread(picture: np.ndarray, where: np.ndarray) -> np.ndarray:
    """The standard deviation per channel on the pixels `where`, blurred among themselves."""
    weight = where.astype(np.float32)[..., None]
    kept = cv2.GaussianBlur(np.float32(picture) * weight, (0, 0), TEXTURE)
    smooth = kept[where] / cv2.GaussianBlur(weight, (0, 0), TEXTURE)[where][:, None]
    deviation: np.ndarray = smooth.astype(np.float64).std(axis=0)
    return deviation
