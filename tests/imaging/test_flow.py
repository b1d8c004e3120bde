"""Noise levels of rectified flow, against diffusers' scheduler."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from diffusers import FlowMatchEulerDiscreteScheduler
from diffusers.pipelines.flux.pipeline_flux import calculate_shift
from diffusers.pipelines.flux2.pipeline_flux2_klein import compute_empirical_mu
from hypothesis import given
from hypothesis import strategies as st

from pentimento.imaging import noise_levels
from pentimento.imaging.noise_levels import Spacing

CONFIGS = {
    "fixed": {"shift": 3.0},
    "growing": {"use_dynamic_shifting": True, "base_shift": 0.5, "max_shift": 1.15},
    "linear": {"use_dynamic_shifting": True, "time_shift_type": "linear"},
    "ending": {"use_dynamic_shifting": True, "max_image_seq_len": 8192, "shift_terminal": 0.02},
}


@pytest.mark.parametrize("steps", [1, 4, 20])
@pytest.mark.parametrize("tokens", [256, 1024, 4096, 9000])
@pytest.mark.parametrize("name", CONFIGS)
def test_full_strength_has_the_levels_of_diffusers(name: str, tokens: int, steps: int) -> None:
    config = CONFIGS[name]
    scheduler = FlowMatchEulerDiscreteScheduler(**config)
    ends = (config.get("max_image_seq_len", 4096), 0.5, 1.15)
    mu = calculate_shift(tokens, 256, *ends)
    ours = noise_levels.sigmas(config, noise_levels.times(steps, 1.0), steps, tokens, "linear")
    if name == "ending" and steps == 1:  # diffusers divides by zero
        assert ours == [1.0]
        return
    scheduler.set_timesteps(sigmas=np.linspace(1, 1 / steps, steps), mu=mu)
    np.testing.assert_allclose(ours, scheduler.sigmas[:-1], atol=1e-5)


@pytest.mark.parametrize("steps", [4, 28, 200])
@pytest.mark.parametrize("tokens", [256, 4096, 5000])
def test_the_shift_of_flux_2_is_that_of_diffusers(tokens: int, steps: int) -> None:
    config = {"use_dynamic_shifting": True}
    scheduler = FlowMatchEulerDiscreteScheduler(**config)
    mu = compute_empirical_mu(tokens, steps)
    scheduler.set_timesteps(sigmas=np.linspace(1, 1 / steps, steps), mu=mu)
    ours = noise_levels.sigmas(config, noise_levels.times(steps, 1.0), steps, tokens, "empirical")
    np.testing.assert_allclose(ours, scheduler.sigmas[:-1], atol=1e-5)


@given(
    st.sampled_from(sorted(CONFIGS)),
    st.integers(1, 100),
    st.floats(0.01, 1.0),
    st.integers(16, 20_000),
)
def test_every_strength_starts_at_its_own_noise_and_falls(
    name: str, steps: int, strength: float, tokens: int
) -> None:
    times = noise_levels.times(steps, strength)
    sigmas = noise_levels.sigmas(CONFIGS[name], times, steps, tokens, "linear")
    assert times[0] == strength
    assert all(0 < sigma <= 1 for sigma in sigmas)
    assert all(a >= b for a, b in itertools.pairwise(sigmas))
    less = noise_levels.sigmas(CONFIGS[name], [strength / 2], steps, tokens, "linear")
    assert less[0] <= sigmas[0]


def test_strength_0_runs_nothing() -> None:
    assert noise_levels.times(20, 0.0) == []


def test_distilled_models_get_the_times_they_know() -> None:
    assert noise_levels.times(4, 0.6, Spacing(grid=4)) == [0.6, 0.25]
    assert noise_levels.times(4, 1.0, Spacing(grid=4)) == [1.0, 0.75, 0.5, 0.25]


def test_a_shift_of_its_own_takes_the_place_of_the_schedulers() -> None:
    """Qwen-Image-Lightning's card asks for a shift that grows from log 3 to log 3."""
    config = CONFIGS["ending"]
    growing = {"base_shift": np.log(3), "max_shift": np.log(3), "shift_terminal": None}
    times = noise_levels.times(4, 1.0)
    ours = noise_levels.sigmas(
        noise_levels.respaced(config, Spacing(shift=3.0)), times, 4, 4096, "linear"
    )
    theirs = noise_levels.sigmas(config | growing, times, 4, 4096, "linear")
    assert ours == pytest.approx(theirs)
    assert noise_levels.respaced(config, Spacing()) is config


@pytest.mark.parametrize(
    "config",
    [{"shift": 0}, {"use_dynamic_shifting": True, "time_shift_type": "cubic"}],
)
def test_nonsense_is_refused(config: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="shift"):
        noise_levels.sigmas(config, [1.0], 4, 1024, "linear")
