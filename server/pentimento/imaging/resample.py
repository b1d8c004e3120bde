"""Parts of a picture at another scale, exact whatever the parts: Lanczos along each side.

- `Axis`: where the pixels of one side come from, for any span of them

A part needs `Axis.needed` of the source and gives, to the last bit or nearly so, what the whole
picture would give there. Sides that shrink are low-pass filtered by a kernel that is as much wider.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

LOBES = 3  # of the Lanczos kernel


@dataclass(frozen=True, slots=True)
class Axis:
    """`length` px of the source become `made` px."""

    length: int
    made: int

    @property
    def _width(self) -> float:
        """How many px of the source a px of the result is."""
        return self.length / self.made

    @property
    def _reach(self) -> float:
        return LOBES * max(self._width, 1.0)

    def needed(self, start: int, stop: int) -> tuple[int, int]:
        """The span of the source that the span `start` to `stop` of the result is made of."""
        first = (start + 0.5) * self._width - self._reach
        last = (stop - 0.5) * self._width + self._reach
        return max(math.floor(first), 0), min(math.ceil(last), self.length)

    def weights(self, start: int, stop: int) -> np.ndarray:
        """`(stop - start, n)` float32: the shares of the n source px of `needed`. Beyond the
        borders the outermost px goes on."""
        low, high = self.needed(start, stop)
        centres = (np.arange(start, stop) + 0.5) * self._width
        reach = math.ceil(self._reach) + 1
        around = np.floor(centres)[:, None] + np.arange(-reach, reach + 1)
        distance = (around + 0.5 - centres[:, None]) / max(self._width, 1.0)
        shares = np.where(abs(distance) < LOBES, np.sinc(distance) * np.sinc(distance / LOBES), 0.0)
        shares /= shares.sum(axis=1, keepdims=True)
        found = np.zeros((stop - start, high - low))
        columns = np.clip(around, 0, self.length - 1).astype(int) - low
        rows = np.repeat(np.arange(stop - start)[:, None], columns.shape[1], axis=1)
        inside = (columns >= 0) & (columns < high - low)  # what lies outside weighs nothing
        np.add.at(found, (rows[inside], columns[inside]), shares[inside])
        return found.astype(np.float32)


def resampled(part: np.ndarray, down: np.ndarray, across: np.ndarray) -> np.ndarray:
    """`(h, w, c)` float32 by the weights of its two sides."""
    height, width, channels = part.shape
    rows = down @ part.reshape(height, width * channels)
    turned = np.ascontiguousarray(rows.reshape(len(down), width, channels).transpose(0, 2, 1))
    return np.ascontiguousarray((turned @ across.T).transpose(0, 2, 1))
