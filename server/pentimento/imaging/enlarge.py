"""Enlarging a picture part by part, in bounded memory: by arithmetic, or by what a network makes.

- `Enlargement`: the parts of a result and what each is made of

Colours stay in the picture's own encoding and depth. Alpha is enlarged by arithmetic always; what
is transparent has no colour that could bleed: it takes that of its surroundings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from pentimento.core.geometry import Box, Size
from pentimento.imaging import model_input, pixels
from pentimento.imaging.resample import Axis, resampled

PART = 512  # px of the result along a side of a part
VISIBLE = 1 / 512  # less opaque than this there is no colour to be told


@dataclass(frozen=True, slots=True)
class Learned:
    """A network that makes of `(h, w, 3)` float32 0..1 one that is `scale` times as large, with
    `margin` px of the source around each part. Parts begin at multiples of `multiple`."""

    network: Callable[[np.ndarray], np.ndarray]
    scale: int
    margin: int
    multiple: int = 1
    part: int = 256  # px of the source along a side of a part


class Enlargement:
    """`source` is `(h, w, 4)` u8, u16 or f32 with straight alpha."""

    def __init__(self, source: np.ndarray, size: Size, learned: Learned | None = None) -> None:
        self._source, self._learned = source, learned
        self.size = size
        height, width = source.shape[:2]
        self._down, self._across = Axis(height, size.height), Axis(width, size.width)
        self._opaque = pixels.is_opaque(source)
        side = PART if learned is None else self._side(learned)
        self._rows, self._columns = _spans(size.height, side), _spans(size.width, side)

    def _side(self, learned: Learned) -> int:
        """px of the result that the network makes at one time."""
        return max(round(learned.part * self.size.width / self._source.shape[1]), 1)

    @property
    def parts(self) -> int:
        return len(self._rows) * len(self._columns)

    def bands(self, done: Callable[[int], None]) -> Iterator[np.ndarray]:
        """The result from top to bottom, `(rows, w, 4)` in the source's depth. `done` hears how
        many parts are made."""
        number = 0
        for top, bottom in self._rows:
            band = np.empty((bottom - top, self.size.width, 4), self._source.dtype)
            for left, right in self._columns:
                made = self._part(Box.from_edges(left, top, right, bottom))
                band[:, left:right] = pixels.to_depth(made, self._source.dtype)
                number += 1
                done(number)
            yield band

    def _part(self, box: Box) -> np.ndarray:
        """`(h, w, 4)` float32 of a box of the result."""
        down, across = self._weights(box)
        plain, alpha = self._plain(box, down, across)
        if self._learned is None:
            return _together(plain, alpha)
        made = self._of_network(self._learned, box)
        over = self._beyond_white(box, down, across)
        return _together(made if over is None else made + over, alpha)

    def _weights(self, box: Box) -> tuple[np.ndarray, np.ndarray]:
        return (
            self._down.weights(box.y, box.bottom),
            self._across.weights(box.x, box.right),
        )

    def _needed(self, box: Box) -> tuple[slice, slice]:
        rows = self._down.needed(box.y, box.bottom)
        columns = self._across.needed(box.x, box.right)
        return slice(*rows), slice(*columns)

    def _plain(
        self, box: Box, down: np.ndarray, across: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Colours and alpha by arithmetic; alpha is None where all is opaque."""
        part = pixels.to_float(self._source[self._needed(box)])
        if self._opaque:
            return resampled(np.ascontiguousarray(part[..., :3]), down, across), None
        alpha = np.nan_to_num(part[..., 3:])
        weighted = np.concatenate([part[..., :3] * alpha, alpha], axis=2)
        found = resampled(weighted, down, across)
        opaque = found[..., 3:]
        hidden = resampled(_without_holes(part), down, across)
        colours = np.where(opaque > VISIBLE, found[..., :3] / np.maximum(opaque, VISIBLE), hidden)
        return colours, np.clip(opaque, 0, 1)

    def _of_network(self, learned: Learned, box: Box) -> np.ndarray:
        """Colours by the network, brought from its scale to that of the result."""
        height, width = self._source.shape[:2]
        scale = learned.scale
        down = Axis(height * scale, self.size.height)
        across = Axis(width * scale, self.size.width)
        exact = height * scale == self.size.height and width * scale == self.size.width
        wanted_rows = (box.y, box.bottom) if exact else down.needed(box.y, box.bottom)
        wanted_columns = (box.x, box.right) if exact else across.needed(box.x, box.right)
        top, bottom = _around(wanted_rows, learned, height)
        left, right = _around(wanted_columns, learned, width)
        part = pixels.to_float(self._source[top:bottom, left:right])
        seen = np.clip(np.nan_to_num(_without_holes(part)), 0, 1)
        made = learned.network(np.ascontiguousarray(seen))
        rows = slice(wanted_rows[0] - top * scale, wanted_rows[1] - top * scale)
        columns = slice(wanted_columns[0] - left * scale, wanted_columns[1] - left * scale)
        made = np.ascontiguousarray(made[rows, columns])
        if exact:
            return made
        return resampled(made, down.weights(box.y, box.bottom), across.weights(box.x, box.right))

    def _beyond_white(self, box: Box, down: np.ndarray, across: np.ndarray) -> np.ndarray | None:
        """What of a float picture lies outside of what networks see, 0..1, by arithmetic."""
        if self._source.dtype != np.float32:
            return None
        part = np.nan_to_num(self._source[self._needed(box)][..., :3])
        over = part - np.clip(part, 0, 1)
        return resampled(np.ascontiguousarray(over), down, across) if over.any() else None


def _around(wanted: tuple[int, int], learned: Learned, length: int) -> tuple[int, int]:
    """The span of the source that a network has to see for a span of what it makes."""
    first = wanted[0] // learned.scale - learned.margin
    last = -(-wanted[1] // learned.scale) + learned.margin
    step = learned.multiple
    return max(first // step * step, 0), min(-(-last // step) * step, length)


def _without_holes(part: np.ndarray) -> np.ndarray:
    """`(h, w, 3)`: what has an alpha keeps its colour, what has none gets its surroundings'."""
    alpha = np.nan_to_num(part[..., 3])
    if alpha.min() > 0:
        return part[..., :3]
    filled = model_input.fill_transparent(part[..., :3], np.clip(alpha, 0, 1))
    return np.where(alpha[..., None] > 0, part[..., :3], filled)


def _together(colours: np.ndarray, alpha: np.ndarray | None) -> np.ndarray:
    made = np.ones((*colours.shape[:2], 4), np.float32)
    made[..., :3] = colours
    if alpha is not None:
        made[..., 3:] = alpha
    return made


def _spans(length: int, side: int) -> list[tuple[int, int]]:
    return [(start, min(start + side, length)) for start in range(0, length, side)]
