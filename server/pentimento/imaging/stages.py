"""What is told of the stages of a picture: how near they are to the source, and which steps count.

- `psnr(picture, source, weight) -> float`
- `chosen_steps(count, wanted) -> list[int]`
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

EQUAL = 100.0  # dB; what equal pictures, and those that differ by next to nothing, count as
NO_LEVEL: dict[str, Any] = {"signal": None, "noise": None, "sigma": None, "timestep": None}
SHOWN = 6  # steps where none are asked for


def psnr(picture: np.ndarray, source: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Peak signal-to-noise ratio in dB of two `(h, w, 3)` float pictures 0..1, at most EQUAL.
    `weight` `(h, w)` says how much a pixel counts: colours under transparency say nothing."""
    error = np.square(picture.astype(np.float32) - source.astype(np.float32)).mean(axis=2)
    if weight is not None and weight.any():
        mean = float(np.average(error, weights=weight))
    else:
        mean = float(error.mean(dtype=np.float64))
    return EQUAL if mean == 0 else round(min(EQUAL, -10 * math.log10(mean)), 2)


def chosen_steps(count: int, wanted: Sequence[int] = ()) -> list[int]:
    """Which of `count` steps are shown, 0-based and rising: those `wanted` (1-based) that run, else
    at most SHOWN spread evenly, the first and the last among them."""
    if wanted:
        return sorted({step - 1 for step in wanted if 1 <= step <= count})
    shown = min(SHOWN, count)
    if shown < 2:
        return list(range(shown))
    return sorted({round(index * (count - 1) / (shown - 1)) for index in range(shown)})
