"""Colours of a generated picture that has to fit into its source.

A model and its autoencoder shift colours a little. Colour match takes off the cast: where the
source was kept, just outside the mask, both pictures should be equal, and their difference there is
the cast. Drift is what the autoencoder alone does to the source on its way there and back.

- `surroundings(mask, alpha) -> np.ndarray`: bool, the pixels that are compared
- `measure(generated, source, where) -> Correction | None`, and `fitted` of `compared` parts
- `Correction.apply(generated) -> np.ndarray`
- `measure_drift(source, returned) -> np.ndarray`: the slow part of the error
- `undo_drift(generated, drift, share) -> np.ndarray`
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from pentimento.imaging import pixels

SHARE = 0.12  # of the masked area's mean side: how wide the compared band is
LEAST, MOST = 8, 96  # px of its width
FEWEST = 64  # compared pixels; fewer say nothing
GAINS = (0.8, 1.25)  # a cast is small; more is another picture, not a cast
OFFSETS = (-0.12, 0.12)
TEXTURE = 2.0  # sigma in px: what is finer says nothing about contrast, as models lose it anyway
REACH = 16  # px that the blur of that sigma looks around, and more
BAND = 2**18  # px whose distances are measured at a time
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
    side = float(np.sqrt(max(1, int(np.count_nonzero(mask > 0)))))
    width = int(np.clip(side * SHARE, LEAST, MOST))
    near = np.empty(mask.shape, bool)
    height = len(mask)
    for rows in pixels.bands(height, mask.shape[1], BAND, width):
        top = max(rows.start - width - 1, 0)  # what is farther away than that is not asked for
        kept = (mask[top : rows.stop + width + 1] <= 0).astype(np.uint8)
        distance = cv2.distanceTransform(kept, cv2.DIST_L2, cv2.DIST_MASK_3)
        inner = slice(rows.start - top, rows.stop - top)
        near[rows] = (kept[inner] > 0) & (distance[inner] <= width) & (alpha[rows] >= 1)
    return near


@dataclass(frozen=True, slots=True)
class Compared:
    """`(n, 3)` float32 colours in the same places of both pictures; and of each, blurred, the sums
    of them and of their squares, `(2, 3)` float64."""

    found: np.ndarray
    wanted: np.ndarray
    smooth_found: np.ndarray
    smooth_wanted: np.ndarray

    @property
    def pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """The colours in double precision."""
        return self.found.astype(np.float64), self.wanted.astype(np.float64)


def compared(
    generated: np.ndarray, source: np.ndarray, where: np.ndarray, own: np.ndarray | None = None
) -> Compared:
    """The places `where` `(h, w)` of two `(h, w, 3)` pictures 0..1. Of pictures in parts only those
    that are a part's `own` count, and parts reach `REACH` px farther."""
    chosen = where if own is None else where & own
    return Compared(
        generated[chosen].astype(np.float32),
        source[chosen].astype(np.float32),
        _smooth_sums(generated, where, chosen),
        _smooth_sums(source, where, chosen),
    )


def measure(generated: np.ndarray, source: np.ndarray, where: np.ndarray) -> Correction | None:
    """The correction that gives `generated` the mean and spread of `source` on the pixels `where`;
    None where too few can be compared. Both are `(h, w, 3)` float 0..1 (Reinhard et al. 2001,
    "Color transfer between images", on sRGB-encoded channels: a cast is small)."""
    return fitted([compared(generated, source, where)])


def fitted(parts: Sequence[Compared]) -> Correction | None:
    """The same of pictures in parts."""
    count = sum(len(part.found) for part in parts)
    if count < FEWEST:
        return None
    have = _deviation([part.smooth_found for part in parts], count)
    want = _deviation([part.smooth_wanted for part in parts], count)
    found_mean, wanted_mean = (
        sum(pair[n].sum(axis=0) for pair in (part.pairs for part in parts)) / count for n in (0, 1)
    )

    def error(gain: np.ndarray | float, offset: np.ndarray | float, *, cut: bool = True) -> float:
        total = 0.0
        for part in parts:
            found, wanted = part.pairs
            made = found * gain + offset
            total += float(np.abs((np.clip(made, 0, 1) if cut else made) - wanted).sum())
        return total / (3 * count)

    gain = np.where(have > SPREAD, want / np.maximum(have, SPREAD), 1.0)
    gain = np.clip(gain, *GAINS)
    offset = np.clip(wanted_mean - gain * found_mean, *OFFSETS)
    before, after = error(1.0, 0.0, cut=False), error(gain, offset)
    if after >= before:  # spread that is texture, not contrast: the mean alone then
        gain = np.ones(3)
        offset = np.clip(wanted_mean - found_mean, *OFFSETS)
        after = error(gain, offset)
    return None if after >= before else Correction(gain, offset, count, before, after)


def _smooth_sums(picture: np.ndarray, where: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Of the pixels `where`, blurred among themselves: the sums and those of the squares of what is
    chosen of them."""
    weight = where.astype(np.float32)[..., None]
    kept = cv2.GaussianBlur(np.float32(picture) * weight, (0, 0), TEXTURE)
    smooth = kept[chosen] / cv2.GaussianBlur(weight, (0, 0), TEXTURE)[chosen][:, None]
    values = smooth.astype(np.float64)
    return np.stack([values.sum(axis=0), (values**2).sum(axis=0)])


def _deviation(sums: Sequence[np.ndarray], count: int) -> np.ndarray:
    mean, squares = np.sum(sums, axis=0) / count
    deviation: np.ndarray = np.sqrt(np.maximum(squares - mean**2, 0))
    return deviation


SMOOTHNESS = 1 / 24  # sigma as a share of the shorter side: colours, not details
LARGE = 1536  # px of the longer side, above which the error is measured on a smaller picture


def measure_drift(source: np.ndarray, returned: np.ndarray) -> np.ndarray:
    """The blurred `source - returned`, both `(h, w, 3)` float 0..1."""
    longest = max(source.shape[:2])
    if longest > LARGE:
        height, width = (max(1, round(side * LARGE / longest)) for side in source.shape[:2])
        source, returned = (
            cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
            for picture in (source, returned)
        )
    sigma = max(1.0, min(source.shape[:2]) * SMOOTHNESS)
    error = source.astype(np.float32) - returned.astype(np.float32)
    return cv2.GaussianBlur(error, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)


def undo_drift(
    generated: np.ndarray,
    drift: np.ndarray,
    share: np.ndarray | float,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """The generated picture with a share 0..1 of the drift taken off: all of it where the source
    shines through, nothing of it where the picture is new. Into `out`, which may be the generated
    one itself, if that is there."""
    height, width = generated.shape[:2]
    result = np.empty((height, width, 3), np.float32) if out is None else out
    if drift.shape[:2] == (height, width):
        for rows in pixels.bands(height, width * 3):
            part = share[rows] if isinstance(share, np.ndarray) else share
            added = np.multiply(drift[rows], part)
            np.clip(np.add(generated[rows], added, out=added), 0, 1, out=result[rows])
        return result
    wide = cv2.resize(drift, (width, drift.shape[0]), interpolation=cv2.INTER_LINEAR)
    places = (np.arange(height) + 0.5) * drift.shape[0] / height - 0.5
    places = np.clip(places, 0, drift.shape[0] - 1)
    for rows in pixels.bands(height, width * 3):
        above = np.floor(places[rows]).astype(int)
        below = np.minimum(above + 1, drift.shape[0] - 1)
        between = (places[rows] - above).astype(np.float32)[:, None, None]
        added = wide[above] * (1 - between) + wide[below] * between
        result[rows] = np.clip(generated[rows] + added * share, 0, 1)
    return result
