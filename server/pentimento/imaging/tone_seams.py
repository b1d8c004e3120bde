"""Steps of tone between pieces that were copied from different places, spread out until they are
not seen: Pérez, Gangnet and Blake 2003, "Poisson Image Editing", by conjugate gradients that
aggregation makes short.

- `level_out(picture, hole, across, down, limit)`: changes the picture in the hole
- `membrane(picture, hole)`: puts the smoothest colours there
"""

from __future__ import annotations

import numpy as np

# Of conjugate gradients; what may be left of the square of the first force.
MOST_ROUNDS, CLOSE = 40, 1e-4
SWEEPS = 8  # of damped Jacobi at the coarsest size
DAMPING = 0.8
HELD = 0.0005  # how strongly tones are held where they are, against differences


def level_out(
    picture: np.ndarray, hole: np.ndarray, across: np.ndarray, down: np.ndarray, limit: float
) -> None:
    """`picture` `(h, w, 3)` float32 is changed where `(h, w)` bool `hole` is, so that its steps to
    the right and below become more like `across` and `down` `(h, w, 3)`, as far as they differ from
    those by less than `limit` 0..1 (Tukey's biweight): what is more is an edge of something."""
    _stretch(picture, hole, across, down, limit)


def membrane(picture: np.ndarray, hole: np.ndarray) -> None:
    """The hole of `picture` gets the smoothest colours between those around it."""
    if not hole.all():
        picture[hole] = picture[~hole].mean(axis=0)
    none = np.zeros_like(picture)
    _stretch(picture, hole, none, none, np.inf)


def _stretch(
    picture: np.ndarray, hole: np.ndarray, across: np.ndarray, down: np.ndarray, limit: float
) -> None:
    force = np.zeros_like(picture)
    for wanted, first, second in (
        (across, np.s_[:, :-1], np.s_[:, 1:]),
        (down, np.s_[:-1], np.s_[1:]),
    ):
        lacking = wanted[first] - (picture[second] - picture[first])
        size = np.abs(lacking).max(axis=2, keepdims=True) / limit
        lacking *= np.maximum(1 - size**2, 0) ** 2 * (hole[first] | hole[second])[..., None]
        force[first] -= lacking
        force[second] += lacking
    picture[hole] += _Sheet.of(hole).solved(force * hole[..., None])[hole]


class _Sheet:
    """A rubber sheet that is fixed around a hole: springs to the right `(h, w - 1)`, down
    `(h - 1, w)`, and to where it was `(h, w)`, of one size and by aggregation of coarser ones."""

    def __init__(self, across: np.ndarray, down: np.ndarray, fixed: np.ndarray) -> None:
        self._across, self._down = across[..., None], down[..., None]
        stiff = fixed.copy()
        for springs, first, second in (
            (across, np.s_[:, :-1], np.s_[:, 1:]),
            (down, np.s_[:-1], np.s_[1:]),
        ):
            stiff[first] += springs
            stiff[second] += springs
        self._inside = (stiff > 0)[..., None]
        self._stiff = np.where(stiff > 0, stiff, 1)[..., None]
        self._coarser = None if min(fixed.shape) < 4 else self._aggregated(across, down, fixed)

    @classmethod
    def of(cls, hole: np.ndarray) -> _Sheet:
        inside = hole.astype(np.float32)
        fixed = HELD * inside
        springs = []
        for first, second in ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1], np.s_[1:])):
            springs.append(inside[first] * inside[second])
            fixed[first] += inside[first] * (1 - inside[second])
            fixed[second] += inside[second] * (1 - inside[first])
        return cls(springs[0], springs[1], fixed)

    @staticmethod
    def _aggregated(across: np.ndarray, down: np.ndarray, fixed: np.ndarray) -> _Sheet:
        """Four px become one; only springs between different ones are left."""
        height, width = fixed.shape
        across, down = (
            np.pad(across, ((0, height % 2), (0, 1)))[:, 1::2],
            np.pad(down, ((0, 1), (0, width % 2)))[1::2],
        )
        across = across[:, : (width + 1) // 2 - 1]
        down = down[: (height + 1) // 2 - 1]
        return _Sheet(
            across.reshape(-1, 2, across.shape[1]).sum(axis=1),
            down.reshape(down.shape[0], -1, 2).sum(axis=2),
            _summed(fixed[..., None])[..., 0],
        )

    def solved(self, force: np.ndarray) -> np.ndarray:
        """How far each place is moved by `force` `(h, w, 3)`: conjugate gradients."""
        moved = np.zeros_like(force)
        rest = force
        near = self._roughly(rest)
        direction, before = near, _product(rest, near)
        least = before * CLOSE
        for _ in range(MOST_ROUNDS):
            if not (before > least).any():
                break
            pulled = self._pull(direction)
            step = before / np.maximum(_product(direction, pulled), 1e-30)
            moved = moved + step * direction
            rest = rest - step * pulled
            near = self._roughly(rest)
            after = _product(rest, near)
            direction = near + after / np.maximum(before, 1e-30) * direction
            before = after
        return moved

    def _pull(self, moved: np.ndarray) -> np.ndarray:
        force = self._stiff * moved
        force[:, :-1] -= self._across * moved[:, 1:]
        force[:, 1:] -= self._across * moved[:, :-1]
        force[:-1] -= self._down * moved[1:]
        force[1:] -= self._down * moved[:-1]
        return force

    def _roughly(self, force: np.ndarray) -> np.ndarray:
        moved = DAMPING * force / self._stiff
        if self._coarser is None:
            for _ in range(SWEEPS):
                moved += DAMPING * (force - self._pull(moved)) / self._stiff
            return moved
        height, width = force.shape[:2]
        found = self._coarser._roughly(_summed(force - self._pull(moved)))
        moved += found.repeat(2, axis=0).repeat(2, axis=1)[:height, :width] * self._inside
        moved += DAMPING * (force - self._pull(moved)) / self._stiff
        return moved


def _summed(values: np.ndarray) -> np.ndarray:
    height, width, count = values.shape
    padded = np.pad(values, ((0, height % 2), (0, width % 2), (0, 0)))
    return padded.reshape((height + 1) // 2, 2, (width + 1) // 2, 2, count).sum(axis=(1, 3))


def _product(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.einsum("hwc,hwc->c", one, other)
