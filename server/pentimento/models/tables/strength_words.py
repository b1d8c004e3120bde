"""What "touch up", "restyle" and "repaint" are for a model: the strengths that keep as much of a
photograph's structure as these words say.

The same strength leaves little in one family and nearly all in another, so a word is an amount of
noise. How much structure stays at which noise was measured with the starter on six photographs
(`benchmarks/strength_words.py`); for all other models it is taken to be the same, by their noise
formulas, which was not measured. No numpy, no torch.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Mapping
from typing import Any

from pentimento.imaging import noise_levels
from pentimento.imaging.noise_levels import Spacing

# Signal over noise, in squares, at the first step; of a photograph's structure 92, 60 and 20 %
# stay.
WORDS = {"touch_up": 2.7, "restyle": 0.32, "repaint": 0.0165}
LEAST = 0.02


def strengths(
    scheduler: Mapping[str, Any], rule: str | None, tokens: int, steps: int, spacing: Spacing
) -> dict[str, float]:
    """By word, in steps of 0.01. `rule` is the family's for its shift, None for DDPM noise; it
    counts the `tokens` of a picture."""
    found = _strengths(json.dumps(scheduler, sort_keys=True), rule, tokens, steps, spacing)
    return dict(zip(WORDS, found, strict=True))


@functools.lru_cache(maxsize=256)
def _strengths(
    scheduler: str, rule: str | None, tokens: int, steps: int, spacing: Spacing
) -> tuple[float, ...]:
    config = json.loads(scheduler)
    alphas = [] if rule else noise_levels.alphas_cumprod(config)

    def start(strength: float) -> float:
        if strength <= 0:
            return math.inf
        if rule is None:
            t = noise_levels.timesteps(alphas, 1, strength)[0]
            return alphas[t] / (1 - alphas[t])
        respaced = noise_levels.respaced(config, spacing)
        sigma = noise_levels.sigmas(respaced, [strength], steps, tokens, rule)[0]
        return ((1 - sigma) / sigma) ** 2

    return tuple(
        max(round(noise_levels.strength_at(snr, start), 2), LEAST) for snr in WORDS.values()
    )
