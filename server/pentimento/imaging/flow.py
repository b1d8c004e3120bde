"""Noise levels of rectified-flow models: exact strength at any number of steps. No numpy, no torch.

- `times(steps, strength, grid) -> list[float]`: the times that run, falling, 1 is pure noise
- `sigmas(config, times, steps, tokens, rule) -> list[float]`: the noise share at those times

A noised latent is `(1 - sigma) * z + sigma * n` (Esser et al. 2024, "Scaling Rectified Flow
Transformers", equation 13 with the straight path). `config` is a diffusers
`scheduler_config.json`; `tokens` are those of the picture, one for 2 x 2 latents.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from pentimento.imaging.schedules import Spacing, on_grid, steps_run

LEAST = 1e-4  # sigma of a step; 0 is the clean picture
# mu by the number of tokens and of steps, fitted by Black Forest Labs for FLUX.2; (slope, offset)
AT_10_STEPS, AT_200_STEPS = (8.73809524e-05, 1.89833333), (0.00016927, 0.45666666)
MANY_TOKENS = 4300  # beyond which the number of steps plays no part


def times(steps: int, strength: float, grid: int | None = None) -> list[float]:
    """Strength is the share of the whole way, so the first time is the strength itself; the rest
    follows evenly down to, but without, 0, on a distilled model's `grid` as in `schedules`.
    Strength 0 gives an empty list."""
    if strength <= 0:
        return []
    return on_grid(min(strength, 1.0), steps_run(steps, strength), 1 / grid if grid else None)


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
