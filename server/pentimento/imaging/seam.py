"""How well a result sits in its source, in three numbers that need nobody to look.

- `measure(result, mask, below) -> Seam | None`

Neither says that a picture is good; but of several variations the one whose edge shows least comes
first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from pentimento.core.geometry import Box
from pentimento.imaging import masks
from pentimento.imaging.pixels import to_float

BAND = 12  # px on each side of the edge that are compared
HALO = 3 * BAND  # px that a part looks beyond itself, as far as the means of the bands reach
BLOCK = 512  # px of the side of such a part, which bounds the memory
FEWEST = 16  # places of an edge; fewer say nothing
FLAT = 1 / 255  # a step between neighbours that every flat surface may have


@dataclass(frozen=True, slots=True)
class Seam:
    """`edge`: the step from pixel to pixel where the mask begins, as a multiple of the steps near
    by; 1 cannot be seen. `color_error`: between the mean colours just inside and just outside,
    place by place, 0..1. `clipped`: the share of new pixels that are quite black or white in a
    channel."""

    edge: float
    color_error: float
    clipped: float

    def facts(self) -> dict[str, Any]:
        return {
            "seam": round(self.edge, 4),
            "band_color_error": round(self.color_error, 5),
            "clipped": round(self.clipped, 5),
        }


def measure(result: np.ndarray, mask: np.ndarray, below: np.ndarray | None = None) -> Seam | None:
    """Of a finished `(h, w, 4)` picture in any depth and the `(h, w)` mask 0..255 it was put in
    with; None without an edge inside the picture. With `below`, the source in the same depth, the
    picture was not laid into it yet: it is measured as it will be with this mask."""
    bounds = masks.bounds(mask)
    if bounds is None:
        return None
    height, width = mask.shape
    near = bounds.pad(HALO).clamp(Box(0, 0, width, height))
    across, beside, error, clipped = Mean(), Mean(), Mean(), Mean()
    for block in _blocks(near):
        around = block.pad(HALO).clamp(near)
        inner = block.to_inner(around)
        rows, columns = slice(around.y, around.bottom), slice(around.x, around.right)
        seen = result[rows, columns]
        if below is not None:
            seen = masks.blend(below[rows, columns], seen, mask[rows, columns])
        colours = np.clip(to_float(seen)[..., :3], 0, 1)
        new = mask[rows, columns] > 0
        own = np.zeros_like(new)
        own[inner.y : inner.bottom, inner.x : inner.right] = True
        clipped.add(((colours <= 0) | (colours >= 1)).any(axis=2)[new & own])
        if new.any() and not new.all():
            _add_steps(colours, new, own, across, beside)
            _add_color_error(colours, new, own, error)
    if across.count < FEWEST or beside.count < FEWEST:
        return None
    edge = (across.value + FLAT) / (beside.value + FLAT)
    return Seam(edge, error.value, clipped.value)


@dataclass(slots=True)
class Mean:
    """Of values that come in parts; 0 without any."""

    total: float = 0.0
    count: int = 0

    def add(self, values: np.ndarray) -> None:
        self.total, self.count = (
            self.total + float(values.sum(dtype=np.float64)),
            (self.count + values.size),
        )

    @property
    def value(self) -> float:
        return self.total / max(self.count, 1)


def _blocks(box: Box) -> Iterator[Box]:
    for y in range(box.y, box.bottom, BLOCK):
        for x in range(box.x, box.right, BLOCK):
            yield Box.from_edges(x, y, min(x + BLOCK, box.right), min(y + BLOCK, box.bottom))


def _add_steps(
    colours: np.ndarray, new: np.ndarray, own: np.ndarray, across: Mean, beside: Mean
) -> None:
    """Steps between neighbours of which one is new and one is kept, and all others near by. A step
    belongs to the block of the upper or left one of the two."""
    distance = np.maximum(_depth(new), _depth(~new))
    for axis in (0, 1):
        step = np.abs(np.diff(colours, axis=axis)).mean(axis=2)
        crossing = np.diff(new.astype(np.int8), axis=axis) != 0
        close = np.minimum(*_pairs(distance, axis)) <= BAND
        ours = _pairs(own, axis)[1]
        across.add(step[crossing & ours])
        beside.add(step[~crossing & close & ours])


def _pairs(values: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    return (values[1:], values[:-1]) if axis == 0 else (values[:, 1:], values[:, :-1])


def _depth(where: np.ndarray) -> np.ndarray:
    """px from each place of `where` to the nearest that is not; 0 elsewhere."""
    distance: np.ndarray = cv2.distanceTransform(where.astype(np.uint8), cv2.DIST_L2, 3)
    return distance


def _add_color_error(colours: np.ndarray, new: np.ndarray, own: np.ndarray, error: Mean) -> None:
    """Means of the bands on both sides of the edge, compared at the edge."""
    edge = (_depth(new) > 0) & (_depth(new) <= 1.5) & own
    if edge.any():
        sides = (side & (_depth(side) <= BAND) for side in (new, ~new))
        inside, outside = (_local_mean(colours, side) for side in sides)
        error.add(np.abs(inside - outside)[edge].mean(axis=1))


def _local_mean(colours: np.ndarray, where: np.ndarray) -> np.ndarray:
    weight = where.astype(np.float32)[..., None]
    summed = cv2.GaussianBlur(colours * weight, (0, 0), BAND / 2)
    total = cv2.GaussianBlur(weight, (0, 0), BAND / 2)[..., None]
    return summed / np.maximum(total, 1e-6)
