"""Which noise levels a job runs through: exact strength at any number of steps. No numpy, no torch.

Models with DDPM noise:

- `alphas_cumprod(config) -> list[float]`: abar_t of a diffusers `scheduler_config.json`
- `timesteps(alphas_cumprod, steps, strength, grid) -> list[int]`: the training timesteps that run
- `start_noise(alphas_cumprod, t) -> float`: the noise share sqrt(1 - abar_t), 0..1
- `karras_sigmas(first, last, count) -> list[float]`, `exponential_sigmas`, `even_shares(count)` and
  `beta_shares`: other spacings than the even one

`alphas_cumprod` may be any indexable of floats (list, numpy array), falling with t.

Rectified flow:

- `times(steps, strength, grid) -> list[float]`: the times that run, falling, 1 is pure noise
- `sigmas(config, times, steps, tokens, rule) -> list[float]`: the noise share at those times

There a noised latent is `(1 - sigma) * z + sigma * n` (Esser et al. 2024, "Scaling Rectified Flow
Transformers", equation 13 with the straight path). `config` is a diffusers
`scheduler_config.json`; `tokens` are those of the picture, one for 2 x 2 latents.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import mul
from typing import Any

KARRAS_RHO = 7.0  # Karras et al. 2022, equation 5 and table 1
BETA, BETA_GRID = 0.6, 20_000
COSINE_OFFSET = 0.008  # Nichol and Dhariwal 2021, equation 17
COSINE_MAX_BETA = 0.999
TINY = 1e-9  # of rounding


@dataclass(frozen=True, slots=True)
class Spacing:
    """Where a model that was distilled to few steps knows its way. `grid`: it was trained at this
    many evenly spaced noise levels only, None for all levels. `shift`: for rectified flow, the one
    it was distilled with, in place of the one its scheduler has. `least`: steps that run at any
    strength, as far as so many are asked for: with fewer its pictures are not clean."""

    grid: int | None = None
    shift: float | None = None
    least: int = 1


EVEN = Spacing()


def strength_at(snr: float, start: Callable[[float], float]) -> float:
    """The strength, to a 256th, whose first step has this much signal over noise, in squares;
    `start` says how much a strength has. Strengths mean different noise in each family, and where
    a certain amount of noise is needed it is found so."""
    low, high = 0.0, 1.0
    for _ in range(8):
        middle = (low + high) / 2
        low, high = (middle, high) if start(middle) > snr else (low, middle)
    return high


def steps_run(steps: int, strength: float, spacing: Spacing = EVEN) -> int:
    """How many of `steps` run at this strength: none only at strength 0. The least of a model for
    few steps are its own, as far as its grid has them below the strength."""
    if strength <= 0:
        return 0
    run = _share_of(steps, strength)
    least = min(spacing.least, steps)
    if spacing.grid:
        least = min(least, math.ceil(strength * spacing.grid - TINY))
    return max(run, least)


def _share_of(steps: int, strength: float) -> int:
    return max(1, math.floor(steps * min(strength, 1.0) + 0.5))


def timesteps(
    alphas_cumprod: Sequence[float], steps: int, strength: float, spacing: Spacing = EVEN
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
    count = min(steps_run(steps, strength, spacing), start)
    places = on_grid(start, count, total / spacing.grid if spacing.grid else None)
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


def exponential_sigmas(first: float, last: float, count: int) -> list[float]:
    """`count` sigmas from exactly `first` to `last`, each the same share of the one before."""
    if count == 1:
        return [first]
    ratio = (last / first) ** (1 / (count - 1))
    return [first, *(first * ratio**index for index in range(1, count - 1)), last]


def even_shares(count: int) -> list[float]:
    """`count` falling shares of the start, from 1, without 0."""
    return [1 - index / count for index in range(count)]


def beta_shares(count: int) -> list[float]:
    """`count` falling shares of the start, from 1: quantiles of the beta distribution with both
    parameters 0.6, so dense at both ends (Lee et al. 2024, "Beta Sampling is All You Need").

    With x = sin(angle)^2 the density is (sin * cos)^0.2, which has no pole."""
    angles = [math.pi / 2 * (index + 0.5) / BETA_GRID for index in range(BETA_GRID)]
    mass = list(accumulate((math.sin(a) * math.cos(a)) ** (2 * BETA - 1) for a in angles))
    found, place = [], BETA_GRID - 1
    for index in range(count):
        while place > 0 and mass[place - 1] >= mass[-1] * (1 - index / count):
            place -= 1
        found.append(math.sin(angles[place]) ** 2 if index else 1.0)
    return found


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


LEAST = 1e-4  # sigma of a step; 0 is the clean picture
# mu by the number of tokens and of steps, fitted by Black Forest Labs for FLUX.2; (slope, offset)
AT_10_STEPS, AT_200_STEPS = (8.73809524e-05, 1.89833333), (0.00016927, 0.45666666)
MANY_TOKENS = 4300  # beyond which the number of steps plays no part


def times(steps: int, strength: float, spacing: Spacing = EVEN) -> list[float]:
    """Strength is the share of the whole way, so the first time is the strength itself; the rest
    follows evenly down to, but without, 0, on a distilled model's `grid` as in `schedules`.
    Strength 0 gives an empty list."""
    if strength <= 0:
        return []
    count = steps_run(steps, strength, spacing)
    return on_grid(min(strength, 1.0), count, 1 / spacing.grid if spacing.grid else None)


def respaced(config: dict[str, Any], spacing: Spacing) -> dict[str, Any]:
    """The scheduler's configuration with the shift that a model was distilled with."""
    if spacing.shift is None:
        return config
    fixed = {"use_dynamic_shifting": False, "shift": spacing.shift, "shift_terminal": None}
    return config | fixed


def sigmas(
    config: dict[str, Any], times: Sequence[float], steps: int, tokens: int, rule: str
) -> list[float]:
    """How noisy the picture is at these times of a process of `steps` steps.

    Larger pictures are given more time at high noise (Esser et al. 2024, section 5.3.2), either by
    a fixed shift or by one that grows with the tokens. Raises ValueError for a configuration that
    is not known.
    """
    shift = _shift(config, steps, tokens, rule)
    shifted = [shift * t / (1 + (shift - 1) * t) for t in times]
    terminal = float(config.get("shift_terminal") or 0.0)
    if terminal and steps > 1:  # a single step has nowhere to end
        last = shift / steps / (1 + (shift - 1) / steps)
        stretch = (1 - last) / (1 - terminal)
        shifted = [1 - (1 - sigma) / stretch for sigma in shifted]
    return [max(sigma, LEAST) for sigma in shifted]


def _shift(config: dict[str, Any], steps: int, tokens: int, rule: str) -> float:
    if not config.get("use_dynamic_shifting"):
        shift = float(config.get("shift", 1.0))
    else:
        mu = _empirical_mu(steps, tokens) if rule == "empirical" else _linear_mu(config, tokens)
        kind = config.get("time_shift_type", "exponential")
        if kind not in ("exponential", "linear"):
            raise ValueError(f"unknown time shift {kind!r}")
        shift = math.exp(mu) if kind == "exponential" else mu
    if not (math.isfinite(shift) and shift > 0):
        raise ValueError("the shift must be a positive number")
    return shift


def _linear_mu(config: dict[str, Any], tokens: int) -> float:
    """On the line through (base_image_seq_len, base_shift) and (max_image_seq_len, max_shift)."""
    first, last = int(config.get("base_image_seq_len", 256)), config.get("max_image_seq_len", 4096)
    low, high = float(config.get("base_shift", 0.5)), float(config.get("max_shift", 1.15))
    if int(last) == first:
        raise ValueError("base_image_seq_len and max_image_seq_len are the same")
    return low + (high - low) * (tokens - first) / (int(last) - first)


def _empirical_mu(steps: int, tokens: int) -> float:
    few, many = (slope * tokens + offset for slope, offset in (AT_10_STEPS, AT_200_STEPS))
    if tokens > MANY_TOKENS:
        return many
    return many + (many - few) / 190 * (steps - 200)
