"""Samplers that ask the model twice in a step: their formulas, on any family's latents.

A place on the way is one number, `sigma`. For DDPM noise it is noise over signal, and `y` are the
latents divided by their signal (Karras et al. 2022, "Elucidating the Design Space of
Diffusion-Based Generative Models", equation 3); for rectified flow it is the share of noise, and
`y` are the latents. In both `(y - clean) / sigma` is where `y` moves as sigma falls, where `clean`
is the picture that the model takes `y` for.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

Draw = Callable[[], Tensor]  # noise of the size of the latents


class Method(Protocol):
    """From one sigma to the next by way of a third one, where the model is asked again."""

    def by_way_of(self, sigma: float, following: float) -> float:
        """`following` is above 0: the last step, to the clean picture, asks once."""
        ...

    def half(self, y: Tensor, clean: Tensor, sigma: float, between: float, draw: Draw) -> Half:
        """The latents at `between`, and what is kept until the model has answered there."""
        ...

    def whole(self, half: Half, clean: Tensor, following: float, draw: Draw) -> Tensor:
        """The latents at `following`, with what the model takes the half's for."""
        ...


@dataclass(frozen=True, slots=True)
class Half:
    """A step that is under way: from `start` at `sigma`, arrived at `y` at `between`."""

    start: Tensor
    clean: Tensor  # what the model took the start for
    sigma: float
    y: Tensor
    between: float
    noise: Tensor | None = None  # that was drawn on the way


def _euler(y: Tensor, clean: Tensor, sigma: float, to: float) -> Tensor:
    return y + (to - sigma) / sigma * (y - clean)


class Heun:
    """Karras et al. 2022, algorithm 1, without churn: the mean of the slopes at both ends."""

    def by_way_of(self, sigma: float, following: float) -> float:
        return following

    def half(self, y: Tensor, clean: Tensor, sigma: float, between: float, draw: Draw) -> Half:
        return Half(y, clean, sigma, _euler(y, clean, sigma, between), between)

    def whole(self, half: Half, clean: Tensor, following: float, draw: Draw) -> Tensor:
        before = (half.start - half.clean) / half.sigma
        after = (half.y - clean) / half.between
        return half.start + (following - half.sigma) * (before + after) / 2


class Midpoint:
    """DPM-Solver-2 (Lu et al. 2022, "DPM-Solver", algorithm 1) as Karras et al. 2022 write it: the
    slope at the geometric mean of both ends."""

    def by_way_of(self, sigma: float, following: float) -> float:
        return math.sqrt(sigma * following)

    def half(self, y: Tensor, clean: Tensor, sigma: float, between: float, draw: Draw) -> Half:
        return Half(y, clean, sigma, _euler(y, clean, sigma, between), between)

    def whole(self, half: Half, clean: Tensor, following: float, draw: Draw) -> Tensor:
        slope = (half.y - clean) / half.between
        return half.start + (following - half.sigma) * slope


class Stochastic:
    """DPM-Solver++ (Lu et al. 2022, "DPM-Solver++", algorithm 1, r = 1/2) with new noise, as
    k-diffusion's DPM++ SDE has it: each way falls below its goal and is given noise up to it. Both
    ways of a step are of one Brownian motion."""

    def by_way_of(self, sigma: float, following: float) -> float:
        return math.sqrt(sigma * following)

    def half(self, y: Tensor, clean: Tensor, sigma: float, between: float, draw: Draw) -> Half:
        noise = draw()
        low, added = falls_to(sigma, between)
        return Half(y, clean, sigma, _moved(y, clean, sigma, low) + added * noise, between, noise)

    def whole(self, half: Half, clean: Tensor, following: float, draw: Draw) -> Tensor:
        assert half.noise is not None, "the first way drew it"
        low, added = falls_to(half.sigma, following)
        first, second = half.sigma - half.between, half.between - following
        noise = (math.sqrt(first) * half.noise + math.sqrt(second) * draw()) / math.sqrt(
            first + second
        )
        return _moved(half.start, clean, half.sigma, low) + added * noise


def _moved(y: Tensor, clean: Tensor, sigma: float, to: float) -> Tensor:
    """Without noise, as if the model's answer held all the way."""
    return clean + to / sigma * (y - clean)


def falls_to(sigma: float, following: float) -> tuple[float, float]:
    """How far a step goes and how much noise it is given then, so that `following` is reached: as
    much as a walk through all levels would have (Song et al. 2021, "Denoising Diffusion Implicit
    Models", equation 16 with eta 1)."""
    added = min(following, math.sqrt(following**2 * (sigma**2 - following**2)) / sigma)
    return math.sqrt(following**2 - added**2), added


def noise_like(latents: Tensor, generator: torch.Generator | None) -> Tensor:
    """Drawn on the CPU on every device."""
    drawn = torch.randn(latents.shape, generator=generator, dtype=torch.float32)
    return drawn.to(latents.device)
