"""Whatever the spacing of the levels, the first one is the strength's and they fall to the end."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine.test_sampling import EPS, ZERO_SNR_V

from pentimento.engine.sampling import samplers
from pentimento.engine.sampling.samplers import SAMPLERS, Training
from pentimento.imaging import noise_levels
from pentimento.schema import job, vocabulary

TRAININGS = [Training.of(EPS), Training.of(ZERO_SNR_V)]


@given(
    training=st.sampled_from(TRAININGS),
    name=st.sampled_from(sorted(SAMPLERS)),
    steps=st.integers(1, 60),
    strength=st.floats(0.001, 1.0),
)
def test_the_first_level_is_the_strengths(
    training: Training, name: str, steps: int, strength: float
) -> None:
    levels = samplers.levels(training, SAMPLERS[name], steps, strength)
    start = max(1, int(np.floor(strength * 1000 + 0.5))) - 1
    assert levels.timesteps[0] == start
    assert levels.sigmas[0] == pytest.approx(float(training.sigmas[start]), rel=1e-9)
    assert len(levels) == min(noise_levels.steps_run(steps, strength), start + 1)
    assert (np.diff(levels.sigmas) < 0).all()
    assert levels.sigmas[-1] == 0


def test_every_sampler_of_the_protocol_is_there() -> None:
    assert tuple(SAMPLERS) == job.SAMPLERS


def test_exponential_levels_are_the_same_share_of_one_another() -> None:
    found = noise_levels.exponential_sigmas(14.6, 0.03, 9)
    assert (found[0], found[-1]) == (14.6, 0.03)
    assert np.ptp(np.diff(np.log(found))) < 1e-9


def test_beta_levels_are_dense_at_both_ends() -> None:
    """And symmetric, as the distribution is: half of them lie in the upper half."""
    shares = np.array(noise_levels.beta_shares(20))
    gaps = -np.diff(shares)
    assert shares[0] == 1.0
    assert shares[10] == pytest.approx(0.5, abs=1e-3)
    assert gaps[9] > 1.5 * gaps[0]
    assert gaps[9] > 1.5 * gaps[-1]
    # scipy.stats.beta.ppf(0.75, 0.6, 0.6)
    assert shares[5] == pytest.approx(0.8202, abs=5e-3)


def test_noise_is_drawn_in_every_step_of_an_sde() -> None:
    assert {name for name, one in SAMPLERS.items() if one.random} == {
        "Euler a",
        "LCM",
        "DPM++ 2M SDE Karras",
        "DPM++ 2M SDE Exponential",
        "DPM++ 2M SDE Simple",
        "DPM++ SDE",
        "DPM++ SDE Karras",
    }


def test_sgm_levels_are_even_between_the_start_and_the_first_timestep() -> None:
    levels = samplers.levels(TRAININGS[0], SAMPLERS["Euler SGM Uniform"], 4, 1.0)
    assert levels.timesteps == pytest.approx([999, 749.25, 499.5, 249.75])


def test_those_that_ask_twice_are_known_to_take_twice_as_long() -> None:
    assert {name for name, one in SAMPLERS.items() if one.twice} == vocabulary.TWO_CALLS
    assert (vocabulary.calls_of("Heun"), vocabulary.calls_of("Euler")) == (2, 1)
    assert vocabulary.calls_of(None) == 1
