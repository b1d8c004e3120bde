"""Which noise levels a job runs through: exact strength at any number of steps. No numpy, no torch.

- `alphas_cumprod(config) -> list[float]`: abar_t of a diffusers `scheduler_config.json`
- `timesteps(alphas_cumprod, steps, strength, grid) -> list[int]`: the training timesteps that run
- `start_noise(alphas_cumprod, t) -> float`: the noise share sqrt(1 - abar_t), 0..1
- `karras_sigmas(first, last, count) -> list[float]`: the spacing of "DPM++ 2M Karras"

`alphas_cumprod` may be any indexable of floats (list, numpy array), falling with t.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import mul
from typing import Any

KARRAS_RHO = 7.0  # Karras et al. 2022, equation 5 and table 1
COSINE_OFFSET = 0.008  # Nichol and Dhariwal 2021, equation 17
COSINE_MAX_BETA = 0.999
TINY = 1e-9  # of rounding


@dataclass(frozen=True, slots=True)
class Spacing:
    """Where a model that was distilled to few steps knows its way. `grid`: it was trained at this
    many evenly spaced noise levels only, None for all levels. `shift`: for rectified flow, the one
    it was distilled with, in place of the one its scheduler has."""

    grid: int | None = None
    shift: float | None = None


EVEN = Spacing()


def steps_run(steps: int, strength: float) -> int:
    """How many of `steps` run at this strength: none only at strength 0."""
    if strength <= 0:
        return 0
    return max(1, math.floor(steps * min(strength, 1.0) + 0.5))


def timesteps(
    alphas_cumprod: Sequence[float], steps: int, strength: float, grid: int | None = None
) -> list[int]:
    """Falling timesteps, the first of which is the strength's own, whatever `steps` is.

    Strength is the share of the training process, so the start is t = strength * T - 1 (T
    training steps) and the rest follows evenly down to, but without, the clean picture:
    "trailing" spacing (Lin et al. 2024, "Common Diffusion Noise Schedules and Sample Steps are
    Flawed", table 2), applied to the part below the start. Strength 1 starts at T - 1: it is the
    list of text to image. Strength 0 gives an empty list, every other at least one step.

    With a `grid` those after the first are moved to the nearest of that many trailing timesteps,
    the only ones that a distilled model has seen (Luo et al. 2023, "Latent Consistency Models",
    section 4.3, for 50).
    """
    if strength <= 0:
        return []
    total = len(alphas_cumprod)
    start = max(1, min(total, math.floor(strength * total + 0.5)))
    count = min(steps_run(steps, strength), start)
    places = on_grid(start, count, total / grid if grid else None)
    return [math.floor(place + 0.5) - 1 for place in places]


def on_grid(start: float, count: int, step: float | None) -> list[float]:
    """`count` falling numbers: `start` itself, then evenly down to, but without, 0; on multiples of
    `step` where there are enough of them below the start."""
    even = [start - index * start / count for index in range(count)]
    below = math.ceil(start / step - TINY) - 1 if step else 0
    if not step or count - 1 > below:
        return even
    found: list[int] = []
    for index in range(count - 1, 0, -1):  # from the cleanest, so that each keeps its own place
        lowest, highest = (found[-1] + 1 if found else 1), below - (index - 1)
        found.append(min(max(math.floor(even[index] / step + 0.5), lowest), highest))
    return [start, *(place * step for place in reversed(found))]


def start_noise(alphas_cumprod: Sequence[float], t: int) -> float:
    """The share of noise at timestep t: sqrt(1 - abar_t) (Ho et al. 2020, equation 4)."""
    return math.sqrt(max(0.0, 1.0 - float(alphas_cumprod[t])))


def sigma(alphas_cumprod: Sequence[float], t: int) -> float:
    """Noise over signal at timestep t: sqrt((1 - abar_t) / abar_t); infinite at zero SNR."""
    alpha = float(alphas_cumprod[t])
    return math.sqrt((1 - alpha) / alpha) if alpha > 0 else math.inf


def karras_sigmas(first: float, last: float, count: int) -> list[float]:
    """`count` sigmas from exactly `first` to `last`, dense at the low end.

    sigma_i = (first^(1/rho) + i / (count - 1) * (last^(1/rho) - first^(1/rho)))^rho with rho = 7
    (Karras et al. 2022, "Elucidating the Design Space of Diffusion-Based Generative Models",
    equation 5). A single step is `first` alone.
    """
    if count == 1:
        return [first]
    top, bottom = first ** (1 / KARRAS_RHO), last ** (1 / KARRAS_RHO)
    inner = [
        (top + index / (count - 1) * (bottom - top)) ** KARRAS_RHO for index in range(1, count - 1)
    ]
    return [first, *inner, last]


def alphas_cumprod(config: dict[str, Any]) -> list[float]:
    """abar_t = prod(1 - beta_s, s <= t) of a diffusers scheduler configuration.

    Raises ValueError for a beta schedule that is not known.
    """
    betas = _betas(config)
    alphas = list(accumulate((1 - beta for beta in betas), mul))
    if config.get("rescale_betas_zero_snr"):
        return _zero_terminal_snr(alphas)
    return alphas


def _betas(config: dict[str, Any]) -> list[float]:
    trained = config.get("trained_betas")
    if trained:
        return [float(beta) for beta in trained]
    count = int(config.get("num_train_timesteps", 1000))
    first, last = float(config.get("beta_start", 0.0001)), float(config.get("beta_end", 0.02))
    schedule = config.get("beta_schedule", "linear")
    if schedule == "linear":
        return _ramp(first, last, count)
    if schedule == "scaled_linear":  # linear in sqrt(beta): Rombach et al. 2022
        return [root**2 for root in _ramp(math.sqrt(first), math.sqrt(last), count)]
    if schedule == "squaredcos_cap_v2":
        return _cosine_betas(count)
    raise ValueError(f"unknown beta schedule {schedule!r}")


def _ramp(first: float, last: float, count: int) -> list[float]:
    if count == 1:
        return [first]
    return [first + (last - first) * index / (count - 1) for index in range(count)]


def _cosine_betas(count: int) -> list[float]:
    """Nichol and Dhariwal 2021, equation 17: abar(t) = cos^2((t / T + s) / (1 + s) * pi / 2)."""

    def alpha_bar(share: float) -> float:
        return math.cos((share + COSINE_OFFSET) / (1 + COSINE_OFFSET) * math.pi / 2) ** 2

    return [
        min(1 - alpha_bar((index + 1) / count) / alpha_bar(index / count), COSINE_MAX_BETA)
        for index in range(count)
    ]


def _zero_terminal_snr(alphas: list[float]) -> list[float]:
    """Shifts and scales sqrt(abar) so that the last one is 0 (Lin et al. 2024, algorithm 1)."""
    roots = [math.sqrt(alpha) for alpha in alphas]
    first, last = roots[0], roots[-1]
    return [((root - last) * first / (first - last)) ** 2 for root in roots]
