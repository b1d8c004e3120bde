"""How overlapping tiles add up to one picture without an edge between them.

- `weights(boxes, size) -> list[np.ndarray]`: how much each tile counts at each of its pixels
- `Mosaic`: a picture that is put together tile by tile

Where tiles overlap, each fades out towards its own border, and at every place all of them count
for one in sum. The borders of the picture are nobody's edge.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pentimento.core.geometry import Box, Size

LEAST = 1e-3  # of what a tile counts at its own border, so that nothing is divided by 0


def weights(boxes: Sequence[Box], size: Size) -> list[np.ndarray]:
    """`(h, w)` float32 for each box, in their order. The boxes are the rows and columns of a grid,
    as `sizing.cover` answers them."""
    fading = _Fading(boxes, size)
    return [fading.of(box) for box in boxes]


class _Fading:
    """What tiles count, as lines across and down: of a large picture all products take more memory
    than the picture."""

    def __init__(self, boxes: Sequence[Box], size: Size) -> None:
        self._across = _along(sorted({(box.x, box.right) for box in boxes}), size.width)
        self._down = _along(sorted({(box.y, box.bottom) for box in boxes}), size.height)

    def of(self, box: Box) -> np.ndarray:
        return np.outer(self._down[box.y], self._across[box.x])


def _along(spans: Sequence[tuple[int, int]], length: int) -> dict[int, np.ndarray]:
    """By where a span begins: what it counts at each of its places, all together one."""
    plain = {}
    for number, (start, end) in enumerate(spans):
        before = spans[number - 1][1] - start if number else 0
        after = end - spans[number + 1][0] if number + 1 < len(spans) else 0
        plain[start] = _ramp(end - start, before) * _ramp(end - start, after)[::-1]
    total = np.zeros(length)
    for start, values in plain.items():
        total[start : start + len(values)] += values
    return {
        start: (values / total[start : start + len(values)]).astype(np.float32)
        for start, values in plain.items()
    }


def _ramp(length: int, overlap: int) -> np.ndarray:
    """Rising over the inner half of the first `overlap` places without a kink (3 t² - 2 t³), then
    1. Before that it is next to nothing: at its border a tile knows the least."""
    share = np.clip((np.arange(length) + 0.5) / max(overlap, 1) * 2 - 0.5, 0, 1)
    smooth = share * share * (3 - 2 * share)
    return LEAST + (1 - LEAST) * smooth if overlap > 0 else np.ones(length)


class Mosaic:
    """A picture `(h, w, c)` float32 to which tiles are added."""

    def __init__(self, boxes: Sequence[Box], size: Size, channels: int = 3) -> None:
        self.picture = np.zeros((size.height, size.width, channels), np.float32)
        self._boxes, self._fading = boxes, _Fading(boxes, size)

    def add(self, number: int, tile: np.ndarray) -> None:
        """The tile of box `number`, `(h, w, c)`."""
        box = self._boxes[number]
        rows, columns = slice(box.y, box.bottom), slice(box.x, box.right)
        self.picture[rows, columns] += tile * self._fading.of(box)[..., None]
