"""Soft masks for every model family: differential diffusion (Levin and Fried 2023).

A mask value m makes its place behave as image-to-image at m times the job's strength: until the
noise has fallen to that share of the start, the place is held on the noised source.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import torch
from torch import Tensor

from pentimento.core.geometry import Size
from pentimento.engine.sampling.latents import noised
from pentimento.engine.sampling.samplers import Levels


def latent_mask(mask: np.ndarray, size: Size) -> Tensor:
    """An `(h, w)` mask 0..255 as `(1, 1, size.height, size.width)` 0..1: the largest value each
    latent covers, so that a selected pixel is fully regenerated and latents without one stay
    exact."""
    largest = _cells(_cells(mask, size.height).T, size.width).T
    return torch.from_numpy(np.float32(largest) / 255)[None, None]


def _cells(values: np.ndarray, count: int) -> np.ndarray:
    """`(n, m)` to `(count, m)`: the maximum over the rows each of `count` equal parts touches."""
    edges = [(index * len(values)) / count for index in range(count + 1)]
    return np.stack(
        [
            values[math.floor(top) : math.ceil(bottom)].max(axis=0)
            for top, bottom in itertools.pairwise(edges)
        ]
    )


class Differential:
    """Holds places on the source while their noise level is not yet reached."""

    def __init__(self, source: Tensor, noise: Tensor, mask: Tensor, levels: Levels) -> None:
        """`noise` is the one tensor of this picture: fresh noise confuses multistep samplers."""
        self._source, self._noise, self._mask, self._levels = source, noise, mask, levels

    def apply(self, step: int, latents: Tensor) -> Tensor:
        """The latents after `step`, with the held places put back; VP scaling.

        After the last step the noise is 0, so what is still held is the source exactly.
        """
        following = step + 1
        keep = self._mask <= self._levels.local_strength(following)
        held = noised(self._source, self._noise, self._levels, following)
        return torch.where(keep.to(latents.device), held.to(latents.device), latents)

    def shown(self, step: int, estimate: Tensor) -> Tensor:
        """An estimate for the preview: the source itself where it is still held."""
        keep = self._mask <= self._levels.local_strength(step + 1)
        return torch.where(keep.to(estimate.device), self._source.to(estimate.device), estimate)
