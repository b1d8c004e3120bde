"""What the autoencoder made of source pictures, kept for the next job on the same one.

Encoding a source and decoding it again, to see what the autoencoder loses of it, is a third of a
short job. Both depend on the picture, the size, the autoencoder and its number type, and on nothing
that changes from one try to the next: words, seed, strength.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import numpy as np
import torch

from pentimento.engine.memory.device import MIB

T = TypeVar("T")

SHARE = 32  # of the memory for parts: one in so many bytes is for pictures
MOST = 256 * MIB


class EncodedSources:
    """Least recently used ones leave when `budget` bytes are full. Used by one thread; others may
    read `account`."""

    def __init__(self, budget: int) -> None:
        self.budget = min(budget // SHARE, MOST)
        self._kept: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._bytes = 0

    def get(self, key: Hashable | None, make: Callable[[], T]) -> T:
        """What was made under this key, which nobody may change; without a key it is made anew."""
        if key is None:
            return make()
        if key in self._kept:
            self._kept.move_to_end(key)
            found: T = self._kept[key][0]
            return found
        made = make()
        size = _bytes(made)
        if size <= self.budget:
            self._kept[key] = (made, size)
            self._bytes += size
            while self._bytes > self.budget:
                self._bytes -= self._kept.popitem(last=False)[1][1]
        return made

    def clear(self) -> None:
        self._kept.clear()
        self._bytes = 0

    def account(self) -> dict[str, int]:
        """For the status: MiB that are used, rounded up, and that may be."""
        return {"mb": -(-self._bytes // MIB), "limit_mb": self.budget // MIB}


def _bytes(value: Any) -> int:
    if isinstance(value, torch.Tensor):
        return value.numel() * value.element_size()
    if isinstance(value, np.ndarray):
        return value.nbytes
    if isinstance(value, tuple):
        return sum(map(_bytes, value))
    return 0
