"""A hole in a picture filled with what lies around it, by copying: no model, no words.

- `fill(seen, hole, usable) -> np.ndarray`

From coarse to fine, patches of the hole look for their like outside it, and each pixel becomes the
mean of what the patches over it suggest: Wexler, Shechtman and Irani 2007, "Space-Time Completion
of Video", with the search of `patch_search`. At the coarsest size the hole is closed from its edge
inwards first, as in Criminisi, Pérez and Toyama 2004, "Region Filling and Object Removal by
Exemplar-Based Image Inpainting", so that lines go on into it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from pentimento.imaging import patch_search, tone_seams
from pentimento.imaging.patch_search import Patches

RADIUS = 3  # px of a patch around its middle: 7 x 7
COARSEST = 6  # px from the middle of the hole to its edge at the coarsest size
SEARCHED = 1 << 18  # patches of the hole that are looked for; finer sizes copy what these found
EXACT = 40_000_000  # pairs of patches up to which all are compared with all
PASSES, LEAST_PASSES = 10, 3  # of search and vote, at the coarsest size and at the finest
DECAY = 1.3  # by which a patch counts less for each px that it lies further inside
SHARPNESS = 0.1  # quantile of distances that is one sigma of the weight of a vote
SEAMS = 0.2, 1.0  # 0..1, steps of tone that are levelled out at full size and at the coarsest one
CLOSED_FROM = 16_000  # patches that are tried where the hole is closed
# How far around the hole is copied from: shares of its longer side, and at least so many px.
AROUND, LEAST_AROUND = 1.0, 64
CHANCE = 0.05  # of the usual distance: how much the seed decides between patches that fit

Told = Callable[[float], None]


class NothingToCopy(ValueError):
    """No whole patch lies outside the hole."""


@dataclass
class Level:
    """One size: the picture `(h, w, 3)` float32, and where it is to be filled and may be copied."""

    picture: np.ndarray
    hole: np.ndarray
    usable: np.ndarray

    @property
    def width(self) -> int:
        return self.hole.shape[1]

    def halved(self) -> Level:
        known = (~self.hole).astype(np.float32)
        height, width = self.hole.shape
        shape = (height // 2, 2, width // 2, 2)
        weight = known.reshape(shape).sum(axis=(1, 3))
        colours = (self.picture * known[..., None]).reshape(*shape, 3).sum(axis=(1, 3))
        return Level(
            colours / np.maximum(weight, 1)[..., None],
            np.asarray(self.hole.reshape(shape).any(axis=(1, 3))),
            np.asarray(self.usable.reshape(shape).all(axis=(1, 3))),
        )

    def places(self) -> tuple[np.ndarray, np.ndarray]:
        """Middles of the patches that reach into the hole, and of those that may be copied."""
        side = np.ones((2 * RADIUS + 1, 2 * RADIUS + 1), np.uint8)
        open_ = cv2.dilate(self.hole.astype(np.uint8), side) > 0
        barred = cv2.dilate((self.hole | ~self.usable).astype(np.uint8), side) > 0
        inner = np.zeros_like(open_)
        inner[RADIUS:-RADIUS, RADIUS:-RADIUS] = True
        return np.flatnonzero(open_ & inner), np.flatnonzero(~barred & inner)


def fill(
    seen: np.ndarray,
    hole: np.ndarray,
    usable: np.ndarray | None = None,
    *,
    seed: int = 0,
    told: Told = lambda share: None,
) -> np.ndarray:
    """`(h, w, 3)` float32: `seen` with the `(h, w)` bool `hole` filled, all else as it is. Where
    `usable` is false nothing is copied from either. The same seed gives the same picture. `told`
    hears which share 0..1 is done, and ends it by raising. Raises NothingToCopy."""
    if not hole.any():
        return seen
    usable = np.ones_like(hole) if usable is None else usable
    near = _around(hole)
    found = seen.astype(np.float32)
    found[near] = _filled(found[near], hole[near], usable[near], seed, told)
    return found


def _around(hole: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns of the hole and of what is copied from."""
    places = [np.flatnonzero(hole.any(axis=axis)) for axis in (1, 0)]
    side = max(int(one[-1] - one[0]) for one in places)
    pad = max(round(AROUND * side), LEAST_AROUND)
    rows, columns = (slice(max(int(one[0]) - pad, 0), int(one[-1]) + 1 + pad) for one in places)
    return rows, columns


def _filled(
    seen: np.ndarray, hole: np.ndarray, usable: np.ndarray, seed: int, told: Told
) -> np.ndarray:
    height, width = hole.shape
    levels = _pyramid(seen, hole, usable)
    draw = np.random.default_rng(seed)
    rounds = [_passes(number, len(levels)) for number in range(len(levels))]
    work = [passes * level.hole.sum() for passes, level in zip(rounds, levels, strict=True)]
    done = 0
    finder: _Finder | None = None
    for number in reversed(range(len(levels))):
        coarseness = number / max(len(levels) - 1, 1)
        finder = _Finder(levels[number], finder, draw, coarseness)
        for turn in range(rounds[number]):
            finder.improve(last=turn == rounds[number] - 1)
            done += int(levels[number].hole.sum())
            told(done / sum(work))
    inside, picture = hole[..., None], levels[0].picture[:height, :width]
    return np.where(inside, np.clip(picture, seen.min(), seen.max()), seen)


def _pyramid(seen: np.ndarray, hole: np.ndarray, usable: np.ndarray) -> list[Level]:
    """From full size to the coarsest at which something can be copied."""
    count = _halvings(hole)
    multiple = 1 << count
    below, right = (-side % multiple for side in hole.shape)
    around = ((0, below), (0, right))
    level = Level(
        np.pad(seen.astype(np.float32), (*around, (0, 0)), "edge"),
        np.pad(hole, around, "edge"),
        np.pad(usable, around, constant_values=False),
    )
    levels = [level]
    if not len(level.places()[1]):
        raise NothingToCopy
    for _ in range(count):
        level = level.halved()
        if min(level.hole.shape) < 4 * RADIUS or len(level.places()[1]) < 64:
            break
        levels.append(level)
    return levels


def _halvings(hole: np.ndarray) -> int:
    inside = np.pad(hole, 1).astype(np.uint8)
    thickest = float(cv2.distanceTransform(inside, cv2.DIST_L2, 3).max())
    thick = np.log2(max(thickest, 1) / COARSEST)
    large = np.log2(hole.size / (4 * SEARCHED)) / 2  # all of the coarsest is searched
    return max(int(np.ceil(max(thick, large))), 0)


def _passes(number: int, count: int) -> int:
    share = number / max(count - 1, 1)
    return round(LEAST_PASSES + (PASSES - LEAST_PASSES) * share)


class _Finder:
    """Fills one level, which begins with what the next coarser one found."""

    def __init__(
        self, level: Level, coarser: _Finder | None, draw: np.random.Generator, coarseness: float
    ) -> None:
        self.level, self._draw = level, draw
        self._coarse = coarseness > 0 and self.level.hole.size <= 4 * SEARCHED
        self._seams = SEAMS[0] + (SEAMS[1] - SEAMS[0]) * coarseness
        self.targets, sources = level.places()
        self.searched = coarser is None or (
            len(self.targets) <= SEARCHED and level.hole.size <= 4 * SEARCHED
        )
        self._copied = np.zeros(level.hole.size, bool)
        self._copied[sources] = True
        depth = cv2.distanceTransform(level.hole.astype(np.uint8), cv2.DIST_L2, 3)
        self._trust = (DECAY ** -np.minimum(depth, 60)).ravel()[self.targets].astype(np.float32)
        self._pixels = np.flatnonzero(level.hole)
        if self.searched:
            self._patches = Patches(level.picture, sources, RADIUS)
        if coarser is None:
            self._peel(sources)
            self.found, self.apart = self._search(None)
        else:
            self.found, self.apart = self._enlarged(coarser, sources)
        self._vote()

    def improve(self, *, last: bool) -> None:
        """Looks once more for what fits, and puts it there."""
        if self.searched:
            self.found, self.apart = self._search(self.found)
            self._vote()
        if last or self._coarse:
            self._level_out()

    def _search(self, found: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        vectors = self._patches.vectors(self.level.picture, self.targets)
        if found is None or len(self.targets) * len(self._patches.places) <= EXACT:
            return self._patches.exact(vectors)
        return self._patches.nearest(vectors, self.targets, found, self._draw)

    def _enlarged(self, coarser: _Finder, sources: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What the coarser level found, in this one's px."""
        grid = np.full(coarser.level.hole.size, -1, np.int64)
        apart = np.zeros(coarser.level.hole.size, np.float32)
        grid[coarser.targets], apart[coarser.targets] = coarser.found, coarser.apart
        rows, columns = np.divmod(self.targets, self.level.width)
        height, width = coarser.level.hole.shape
        inner = np.clip(rows // 2, RADIUS, height - RADIUS - 1) * width + np.clip(
            columns // 2, RADIUS, width - RADIUS - 1
        )
        there = np.divmod(grid[inner], width)
        found = (2 * there[0] + rows % 2) * self.level.width + 2 * there[1] + columns % 2
        lost = (grid[inner] < 0) | ~self._copied[np.clip(found, 0, len(self._copied) - 1)]
        found[lost] = self._draw.choice(sources, int(lost.sum()))
        return found, apart[inner]

    def _vote(self) -> None:
        """Each px of the hole becomes the mean of what the patches over it suggest."""
        size = self.level.hole.size
        spread = float(np.quantile(self.apart, SHARPNESS)) + 1e-6
        found = np.zeros(size, np.int64)
        weight = np.zeros(size, np.float32)
        found[self.targets] = self.found
        weight[self.targets] = self._trust * np.exp(-self.apart / (2 * spread)) + 1e-12
        self._votes = found, weight
        flat = self.level.picture.reshape(-1, 3)
        for some in patch_search.bands(len(self._pixels)):
            where = self._pixels[some]
            flat[where] = self._mean(where, ())

    def _mean(self, where: np.ndarray, step: tuple[int, ...]) -> np.ndarray:
        """What patches suggest for places: colours, or with a step of (down, right) px how colours
        change by it; `(n, 3)`."""
        flat = self.level.picture.reshape(-1, 3)
        found, weight = self._votes
        total = np.zeros(len(where), np.float32)
        colours = np.zeros((len(where), 3), np.float32)
        reach = range(-RADIUS, RADIUS + 1)
        far = (RADIUS - step[0], RADIUS - step[1]) if step else (RADIUS, RADIUS)
        beside = step[0] * self.level.width + step[1] if step else 0
        last = len(found) - 1
        for down in reach:
            for right in reach:
                if down > far[0] or right > far[1]:
                    continue
                offset = down * self.level.width + right
                middle = np.clip(where - offset, 0, last)
                share = weight[middle]
                place = np.clip(found[middle] + offset, 0, last)
                seen = flat[place]
                if step:
                    seen = flat[np.minimum(place + beside, last)] - seen
                colours += seen * share[:, None]
                total += share
        return colours / np.maximum(total, 1e-20)[:, None]

    def _level_out(self) -> None:
        """Takes steps of tone off between what comes from different places."""
        hole = self.level.hole
        near = cv2.dilate(hole.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        where = np.flatnonzero(near)
        rows, columns = np.divmod(where, self.level.width)
        box = (
            slice(max(rows.min() - 1, 0), rows.max() + 2),
            slice(max(columns.min() - 1, 0), columns.max() + 2),
        )
        steps = []
        for step in ((0, 1), (1, 0)):
            wanted = np.zeros_like(self.level.picture)
            for some in patch_search.bands(len(where)):
                wanted.reshape(-1, 3)[where[some]] = self._mean(where[some], step)
            steps.append(wanted[box])
        picture = self.level.picture[box]
        tone_seams.level_out(picture, hole[box], steps[0], steps[1], self._seams)

    def _peel(self, sources: np.ndarray) -> None:
        """Closes the hole from its edge inwards: each px from the patch that fits best to what is
        around it, which is the smoothest between its borders where nothing is known yet: so nothing
        comes into it that only its edge has a bit of."""
        level = self.level
        height, width = level.hole.shape
        known = ~level.hole
        tone_seams.membrane(level.picture, level.hole)
        sources = sources[:: max(len(sources) // CLOSED_FROM, 1)]
        all_ = patch_search.patches(level.picture, sources, RADIUS)
        own = np.einsum("nk,nk->n", all_, all_)
        own += self._draw.uniform(0, CHANCE * float(own.std()), len(own)).astype(np.float32)
        while not known.all():
            near = cv2.dilate(known.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
            ring = np.flatnonzero(near & ~known)
            rows, columns = np.divmod(ring, width)
            middles = np.clip(rows, RADIUS, height - RADIUS - 1) * width + np.clip(
                columns, RADIUS, width - RADIUS - 1
            )
            there = patch_search.patches(level.picture, middles, RADIUS)
            for some in patch_search.bands(len(ring), 256):
                apart = own - 2 * (there[some] @ all_.T)
                best = sources[apart.argmin(axis=1)]
                level.picture.reshape(-1, 3)[ring[some]] = level.picture.reshape(-1, 3)[
                    best + ring[some] - middles[some]
                ]
            known.ravel()[ring] = True
