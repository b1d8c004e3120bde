"""The promises about strength: it always works, it is exact, and 1.0 is text to image."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from tests.engine.bench import MODELS, Bench, photo

from pentimento.jobs.record import SAMPLERS

STRENGTHS = [round(0.05 * index, 2) for index in range(1, 21)]


@pytest.mark.parametrize("model", MODELS)
def test_strength_one_is_text_to_image_of_the_same_size(bench: Bench, model: str) -> None:
    source = photo(96, 64)
    painted = bench.make(model, mode="img2img", source=source, strength=1.0)
    invented = bench.make(model, mode="txt2img", width=96, height=64)
    np.testing.assert_array_equal(painted.pixels()[..., :3], invented.pixels()[..., :3])
    assert len(np.unique(invented.pixels())) > 10


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_strength_one_is_text_to_image_with_every_sampler(bench: Bench, sampler: str) -> None:
    painted = bench.make(mode="img2img", source=photo(), strength=1.0, sampler=sampler)
    invented = bench.make(mode="txt2img", width=64, height=64, sampler=sampler)
    np.testing.assert_array_equal(painted.pixels()[..., :3], invented.pixels()[..., :3])


@pytest.mark.parametrize("model", MODELS)
def test_two_sources_give_the_same_at_strength_one(bench: Bench, model: str) -> None:
    first = bench.make(model, mode="img2img", source=photo(seed=1))
    second = bench.make(model, mode="img2img", source=255 - photo(seed=2))
    np.testing.assert_array_equal(first.pixels()[..., :3], second.pixels()[..., :3])


@pytest.mark.parametrize("steps", [4, 8, 20])
@pytest.mark.parametrize("model", MODELS)
def test_every_strength_works_and_noise_rises_with_it(bench: Bench, model: str, steps: int) -> None:
    noise = []
    for strength in STRENGTHS:
        made = bench.make(
            model,
            mode="img2img",
            source=photo(),
            strength=strength,
            steps=steps,
            guidance=1.0,
            sampler="DPM++ 2M Karras",
        )
        facts = made.images[0].facts
        assert len(made.steps) == facts["steps_run"] >= 1
        assert facts["start_timestep"] == pytest.approx(strength * 1000 - 1, abs=0.5)
        noise.append(facts["start_noise"])
    assert all(before < after for before, after in itertools.pairwise(noise))


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("model", MODELS)
def test_all_samplers_run_at_low_middle_and_full_strength(
    bench: Bench, model: str, sampler: str
) -> None:
    results = [
        bench.make(model, mode="img2img", source=photo(), strength=strength, sampler=sampler)
        for strength in (0.05, 0.5, 1.0)
    ]
    noise = [result.images[0].facts["start_noise"] for result in results]
    assert noise == sorted(noise)
    assert len({result.pixels().tobytes() for result in results}) == 3


def test_a_little_strength_changes_a_little(bench: Bench) -> None:
    """The start is the noised source, so distance from it grows with the strength."""
    source = photo()
    rebuilt = bench.make("starter", mode="img2img", source=source, strength=0.01, steps=1)
    distances = []
    for strength in (0.05, 0.3, 0.6, 1.0):
        made = bench.make("starter", mode="img2img", source=source, strength=strength)
        difference = made.pixels()[..., :3].astype(float) - rebuilt.pixels()[..., :3]
        distances.append(float(np.abs(difference).mean()))
    assert distances == sorted(distances)
    assert distances[0] < distances[-1] / 2
