"""Photographs have grain, and what a model paints has none: here it gets that of its surroundings.

- `measure(picture, where) -> Grain | None`: how strong it is, by brightness
- `Missing(wanted, there, seed).add(rows)`: what a made picture lacks of it

Grain depends on brightness (Foi et al. 2008, "Practical Poissonian-Gaussian noise modeling and
fitting for single-image raw-data"), so it is compared within bins of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from pentimento.imaging.pixels import LUMA

# Immerkaer 1996, "Fast noise variance estimation": blind to edges, and its squares sum up to 36.
KERNEL = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32) / 6
NORMAL = 1.4826  # the spread of normal numbers over the median of their sizes
BINS, FEWEST = 6, 200  # of brightness; places in one of them
MOST = 0.1  # of the range: what is stronger is no grain but texture


@dataclass(frozen=True, slots=True)
class Grain:
    """`spread` `(n, 3)` of each channel at the brightness `at` `(n,)`, rising; both 0..1."""

    at: np.ndarray
    spread: np.ndarray

    def of(self, brightness: np.ndarray) -> np.ndarray:
        """`(..., 3)` for brightness of any shape."""
        channels = [np.interp(brightness, self.at, self.spread[:, n]) for n in range(3)]
        return np.stack(channels, axis=-1).astype(np.float32)


def measure(picture: np.ndarray, where: np.ndarray) -> Grain | None:
    """Of a `(h, w, 3)` float picture 0..1 in the places `where` `(h, w)`; None where they are too
    few. The median does not see the texture of less than half of a bin."""
    residual = np.abs(cv2.filter2D(picture.astype(np.float32), -1, KERNEL))
    inside = cv2.erode(where.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    brightness = np.clip(picture @ LUMA.astype(np.float32), 0, 1)
    number = np.minimum((brightness * BINS).astype(int), BINS - 1)
    at, spread = [], []
    for index in range(BINS):
        chosen = inside & (number == index)
        if chosen.sum() >= FEWEST:
            at.append(float(brightness[chosen].mean()))
            spread.append(np.median(residual[chosen], axis=0) * NORMAL)
    return Grain(np.array(at), np.minimum(np.array(spread), MOST)) if at else None


class Missing:
    """What one grain has more than another, as noise of the same seed for the same picture."""

    def __init__(self, wanted: Grain, there: Grain, seed: int) -> None:
        self._wanted, self._there = wanted, there
        self._random = np.random.default_rng(seed)
        self._sum, self._places = 0.0, 0

    def add(self, rows: np.ndarray) -> np.ndarray:
        """The next `(h, w, 3)` rows of the made picture, float 0..1, with it."""
        brightness = np.clip(rows @ LUMA.astype(np.float32), 0, 1)
        more = self._wanted.of(brightness) ** 2 - self._there.of(brightness) ** 2
        spread = np.sqrt(np.maximum(more, 0))
        self._sum, self._places = self._sum + float(spread.sum()), self._places + spread.size
        noise = self._random.standard_normal(rows.shape, dtype=np.float32)
        found: np.ndarray = rows + spread * noise
        return found

    @property
    def mean(self) -> float:
        """The mean spread that was added."""
        return self._sum / max(self._places, 1)
