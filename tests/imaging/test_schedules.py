"""Strength: exact, strictly monotone, never zero steps; the formulas against diffusers' own."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pentimento.imaging import noise_levels
from pentimento.imaging.noise_levels import Spacing

SD15 = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
CONFIGS = {
    "sd15": SD15,
    "starter": SD15 | {"rescale_betas_zero_snr": True},
    "linear": {"beta_schedule": "linear", "beta_start": 0.0001, "beta_end": 0.02},
    "cosine": {"beta_schedule": "squaredcos_cap_v2"},
    "trained": {"trained_betas": [0.001 + 0.00001 * index for index in range(1000)]},
}
ALPHAS = {name: noise_levels.alphas_cumprod(config) for name, config in CONFIGS.items()}
STRENGTHS = [round(0.05 * index, 2) for index in range(1, 21)]


@pytest.mark.parametrize("steps", [1, 4, 8, 20, 50, 200])
@pytest.mark.parametrize("schedule", ALPHAS)
def test_start_noise_is_strictly_monotone_in_strength(schedule: str, steps: int) -> None:
    alphas = ALPHAS[schedule]
    noises = [
        noise_levels.start_noise(alphas, noise_levels.timesteps(alphas, steps, strength)[0])
        for strength in STRENGTHS
    ]
    assert all(low < high for low, high in pairwise(noises))


@pytest.mark.parametrize(
    ("steps", "strength", "expected"),
    [
        (4, 1.0, [999, 749, 499, 249]),
        (4, 0.75, [749, 499, 249]),
        (4, 0.05, [49]),
        (8, 0.5, [499, 374, 249, 124]),
        (20, 0.1, [99, 49]),
        (20, 0.0, []),
        (1, 0.001, [0]),
    ],
)
def test_timesteps_of_known_cases(steps: int, strength: float, expected: list[int]) -> None:
    assert noise_levels.timesteps(ALPHAS["sd15"], steps, strength) == expected


@given(st.integers(1, 200), st.floats(0.0001, 1))
def test_timesteps_fall_and_run(steps: int, strength: float) -> None:
    found = noise_levels.timesteps(ALPHAS["sd15"], steps, strength)
    assert 1 <= len(found) <= steps
    assert all(high > low for high, low in pairwise(found))
    assert 0 <= found[-1] <= found[0] <= 999
    assert abs((found[0] + 1) / 1000 - strength) <= 0.001


@pytest.mark.parametrize(
    ("steps", "strength", "grid", "expected"),
    [
        (4, 1.0, 4, [999, 749, 499, 249]),
        (4, 0.9, 4, [899, 749, 499, 249]),
        (4, 0.7, 4, [699, 499, 249]),
        (4, 0.6, 4, [599, 249]),
        (4, 0.4, 4, [399, 249]),
        (4, 0.1, 4, [99]),
        (2, 1.0, 4, [999, 499]),
        (3, 1.0, 4, [999, 749, 249]),
        (8, 1.0, 4, [999, 874, 749, 624, 499, 374, 249, 124]),  # more than the grid has
        (4, 1.0, 50, [999, 759, 499, 259]),
        (4, 0.55, 50, [549, 279]),
    ],
)
def test_distilled_models_get_the_timesteps_they_know(
    steps: int, strength: float, grid: int, expected: list[int]
) -> None:
    assert noise_levels.timesteps(ALPHAS["sd15"], steps, strength, Spacing(grid)) == expected


@given(st.integers(1, 100), st.floats(0.001, 1), st.sampled_from([1, 2, 4, 8, 50]))
def test_a_grid_changes_neither_the_start_nor_the_number_of_steps(
    steps: int, strength: float, grid: int
) -> None:
    even = noise_levels.timesteps(ALPHAS["sd15"], steps, strength)
    found = noise_levels.timesteps(ALPHAS["sd15"], steps, strength, Spacing(grid))
    assert (found[0], len(found)) == (even[0], len(even))
    assert all(high > low >= 0 for high, low in pairwise(found))
    if len(found) - 1 < (found[0] + 1) * grid / 1000:
        assert all((t + 1) * grid % 1000 == 0 for t in found[1:])


@given(st.integers(1, 200))
def test_weaker_strength_is_the_tail_of_text_to_image_where_it_divides(steps: int) -> None:
    whole = noise_levels.timesteps(ALPHAS["sd15"], 2 * steps, 1.0)
    assert noise_levels.timesteps(ALPHAS["sd15"], 2 * steps, 0.5) == whole[steps:]


@pytest.mark.parametrize("schedule", CONFIGS)
def test_alphas_are_those_of_diffusers(schedule: str) -> None:
    from diffusers import DDIMScheduler  # seconds, and for this test alone

    reference = DDIMScheduler(**CONFIGS[schedule]).alphas_cumprod
    assert ALPHAS[schedule] == pytest.approx(reference.tolist(), rel=2e-4, abs=1e-7)


def test_unknown_beta_schedule_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown beta schedule"):
        noise_levels.alphas_cumprod({"beta_schedule": "wavy"})


@pytest.mark.parametrize("steps", [4, 8, 20])
@pytest.mark.parametrize("strength", STRENGTHS)
def test_karras_starts_at_exactly_the_strengths_sigma(steps: int, strength: float) -> None:
    alphas = ALPHAS["sd15"]
    timesteps = noise_levels.timesteps(alphas, steps, strength)
    first, last = noise_levels.sigma(alphas, timesteps[0]), noise_levels.sigma(alphas, 0)
    sigmas = noise_levels.karras_sigmas(first, last, len(timesteps))
    assert sigmas[0] == first
    assert len(sigmas) == len(timesteps)
    assert all(high > low for high, low in pairwise(sigmas))


@pytest.mark.parametrize(
    ("steps", "strength", "spacing", "run"),
    [
        (8, 0.3, Spacing(least=4), 4),  # 2 would not be clean
        (8, 0.9, Spacing(least=4), 7),
        (2, 0.3, Spacing(least=4), 2),  # no more than asked for
        (4, 0.3, Spacing(grid=4, least=3), 2),  # the model knows 0.25 below 0.3, and no more
        (4, 1.0, Spacing(grid=4, least=3), 4),
        (20, 0.1, Spacing(), 2),
        (8, 0.0, Spacing(least=4), 0),
    ],
)
def test_models_for_few_steps_run_their_least_at_any_strength(
    steps: int, strength: float, spacing: Spacing, run: int
) -> None:
    found = noise_levels.timesteps(ALPHAS["sd15"], steps, strength, spacing)
    times = noise_levels.times(steps, strength, spacing)
    assert len(found) == len(times) == run
    assert all(before > after for before, after in pairwise(found))
    if run:
        plain = noise_levels.timesteps(ALPHAS["sd15"], steps, strength)
        assert (found[0], times[0]) == (plain[0], strength)  # the strength stays exact
