"""Where in a picture a patch like that one lies: patches as short vectors, and the search for the
nearest one among them.

- `Patches`: all patches of a picture that may be copied from, projected on their main components
- `Patches.nearest(vectors, found, grid, draw)`: the nearest of each, from a first guess
- `Patches.exact(vectors)`: the nearest of each, compared with every one

Places are counted row by row in one number. The search is Barnes, Shechtman, Finkelstein and
Goldman 2009, "PatchMatch: A Randomized Correspondence Algorithm for Structural Image Editing", for
all places at once; that patches are compared by few components is from Korman and Avidan 2011,
"Coherency Sensitive Hashing".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

COMPONENTS = 24  # of 147 values in a patch of 7 x 7 px
SAMPLED = 4000  # patches that say what the main components are
BAND = 1 << 16  # places at a time: bounds the memory
ROUNDS = 2  # of handing guesses to neighbours in one search
UP, ASIDE = 1.0, 0.3  # what a whole height and width away counts beside colours 0..1 of a patch
EXACT_BLOCK = 1 << 24  # distances at a time when all are compared with all


@dataclass(frozen=True, slots=True)
class Basis:
    """Main components of patches `(values, k)`, and their mean `(values,)`."""

    axes: np.ndarray
    mean: np.ndarray
    radius: int

    @classmethod
    def of(cls, picture: np.ndarray, places: np.ndarray, radius: int) -> Basis:
        """Of the patches around `places`, evenly sampled."""
        step = max(len(places) // SAMPLED, 1)
        values = patches(picture, places[::step], radius)
        mean = values.mean(axis=0)
        apart = (values - mean).astype(np.float64)
        _, vectors = np.linalg.eigh(apart.T @ apart)
        axes = vectors[:, ::-1][:, :COMPONENTS]
        return cls(axes.astype(np.float32), mean, radius)

    def vectors(self, picture: np.ndarray, places: np.ndarray) -> np.ndarray:
        """`(n, k)` float32: the patches around places of a picture `(h, w, 3)`."""
        result = np.empty((len(places), self.axes.shape[1]), np.float32)
        for some in bands(len(places)):
            result[some] = (patches(picture, places[some], self.radius) - self.mean) @ self.axes
        return result


def patches(picture: np.ndarray, places: np.ndarray, radius: int) -> np.ndarray:
    """`(n, side * side * 3)` float32: what lies around places that are `radius` px or more from
    each border."""
    width = picture.shape[1]
    reach = np.arange(-radius, radius + 1)
    offsets = (reach[:, None] * width + reach).ravel()
    flat = picture.reshape(-1, 3)
    return flat[places[:, None] + offsets].reshape(len(places), -1)


def bands(count: int, size: int = BAND) -> Iterator[slice]:
    for first in range(0, count, size):
        yield slice(first, min(first + size, count))


class Patches:
    """The patches around `places` of a picture of `shape`, which may be copied from."""

    def __init__(self, picture: np.ndarray, places: np.ndarray, radius: int) -> None:
        self.places = places
        self.basis = Basis.of(picture, places, radius)
        self._height, self._width = picture.shape[:2]
        self._vectors = self.vectors(picture, places)
        self.index = np.full(self._height * self._width, -1, np.int32)  # place -> row of vectors
        self.index[places] = np.arange(len(places), dtype=np.int32)

    def vectors(self, picture: np.ndarray, places: np.ndarray) -> np.ndarray:
        """`(n, k + 2)` float32: how the patches around places look, and where they are."""
        rows, columns = np.divmod(places, self._width)
        where = np.stack([rows * (UP / self._height), columns * (ASIDE / self._width)], axis=1)
        looks = self.basis.vectors(picture, places)
        return np.concatenate([looks, where.astype(np.float32)], axis=1)

    def distances(self, vectors: np.ndarray, found: np.ndarray) -> np.ndarray:
        """`(n,)` squared, between each vector and the patch around its place in `found`; infinite
        where none may be copied from."""
        result = np.empty(len(vectors), np.float32)
        for some in bands(len(vectors)):
            rows = self.index[found[some]]
            apart = self._vectors[rows]
            apart -= vectors[some]
            np.einsum("nk,nk->n", apart, apart, out=result[some])
            result[some][rows < 0] = np.inf
        return result

    def exact(self, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The nearest place of each vector and its squared distance."""
        found = np.empty(len(vectors), np.int64)
        apart = np.empty(len(vectors), np.float32)
        own = np.einsum("nk,nk->n", self._vectors, self._vectors)
        for some in bands(len(vectors), max(EXACT_BLOCK // len(self.places), 1)):
            sums = own - 2 * (vectors[some] @ self._vectors.T)
            best = sums.argmin(axis=1)
            found[some] = self.places[best]
            least = sums[np.arange(len(best)), best]
            apart[some] = np.maximum(least + (vectors[some] ** 2).sum(axis=1), 0)
        return found, apart

    def nearest(
        self,
        vectors: np.ndarray,
        targets: np.ndarray,
        found: np.ndarray,
        draw: np.random.Generator,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Better places than `found` for the patches around `targets`, and squared distances:
        guesses of neighbours, moved along, and guesses by chance in ever smaller windows."""
        apart = self.distances(vectors, found)
        grid = np.full(self._height * self._width, -1, np.int64)
        for _ in range(ROUNDS):
            for step in (1, self._width, -1, -self._width):
                grid[targets] = found
                guessed = grid[targets + step]
                guess = np.where(guessed < 0, found, guessed - step)
                found, apart = self._better(vectors, found, apart, guess)
            window = max(self._height, self._width) / 2
            while window >= 1:
                rows, columns = np.divmod(found, self._width)
                moved = draw.uniform(-window, window, (2, len(found)))
                rows = np.clip(rows + np.rint(moved[0]).astype(np.int64), 0, self._height - 1)
                columns = np.clip(columns + np.rint(moved[1]).astype(np.int64), 0, self._width - 1)
                found, apart = self._better(vectors, found, apart, rows * self._width + columns)
                window /= 3
        return found, apart

    def _better(
        self, vectors: np.ndarray, found: np.ndarray, apart: np.ndarray, guess: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        guess = np.clip(guess, 0, len(self.index) - 1)
        other = np.flatnonzero((guess != found) & (self.index[guess] >= 0))
        distance = self.distances(vectors[other], guess[other])
        nearer = distance < apart[other]
        chosen = other[nearer]
        found, apart = found.copy(), apart.copy()
        found[chosen], apart[chosen] = guess[chosen], distance[nearer]
        return found, apart
