"""The samplers on our own levels, against a perfect model and against diffusers' own DDIM."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler
from torch import Tensor

from pentimento.engine.sampling import latents, samplers
from pentimento.engine.sampling.samplers import SAMPLERS, Levels, Training

EPS = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "epsilon",
}
ZERO_SNR_V = EPS | {"prediction_type": "v_prediction", "rescale_betas_zero_snr": True}
SHAPE = (1, 4, 8, 8)


class Record:
    """Keeps what a scheduler reports of its steps."""

    def __init__(self) -> None:
        self.estimates: list[Tensor] = []
        self.latents: list[Tensor] = []

    def before(self, step: int) -> None:
        pass

    def after(self, step: int, estimate: Callable[[], Tensor], found: Tensor) -> Tensor:
        self.estimates.append(estimate())
        self.latents.append(found)
        return found


def clean() -> Tensor:
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(1))


def noise() -> Tensor:
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(2))


def perfect(config: dict[str, Any], target: Tensor, levels: Levels, step: int, x: Tensor) -> Tensor:
    """What a model that knows the clean latents would answer for VP latents x."""
    signal, share = levels.signal(step), levels.noise(step)
    epsilon = (x - signal * target) / share
    if config["prediction_type"] == "v_prediction":
        return signal * epsilon - share * target
    return epsilon


def run(config: dict[str, Any], name: str, steps: int, strength: float) -> tuple[Tensor, Record]:
    training, sampler, record = Training.of(config), SAMPLERS[name], Record()
    levels = samplers.levels(training, sampler, steps, strength)
    planned = samplers.scheduler(training, sampler, levels, record, torch.float32, masked=False)
    planned.set_timesteps(steps)
    generator = torch.Generator().manual_seed(3)
    x = latents.start(clean(), noise(), levels, strength) * planned.scale(0)
    assert [float(t) for t in planned.timesteps] == pytest.approx(
        [float(call.place.timesteps[0]) for call in planned.calls]
    )
    for call, t in zip(planned.calls, planned.timesteps, strict=True):
        planned.scale_model_input(x, t)
        output = perfect(config, clean(), call.place, 0, x / planned.scale(call.step))
        x = planned.step(output, t, x, generator=generator)[0]
    return x, record


@pytest.mark.parametrize("strength", [0.05, 0.5, 1.0])
@pytest.mark.parametrize("steps", [1, 4, 20])
@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("config", [EPS, ZERO_SNR_V], ids=["eps", "zero-snr-v"])
def test_a_perfect_model_leads_every_sampler_to_the_clean_latents(
    config: dict[str, Any], name: str, steps: int, strength: float
) -> None:
    found, record = run(config, name, steps, strength)
    tolerance = 5e-2 if strength == 1.0 else 2e-3  # signal 2e-4 at the top of the zero-SNR schedule
    torch.testing.assert_close(found, clean(), atol=tolerance, rtol=0)
    torch.testing.assert_close(record.estimates[-1], clean(), atol=tolerance, rtol=0)


@pytest.mark.parametrize("name", SAMPLERS)
def test_between_steps_latents_have_the_level_of_the_next_step(name: str) -> None:
    """With a perfect model, latents at level i are signal_i * clean + noise_i * something."""
    training, sampler = Training.of(EPS), SAMPLERS[name]
    levels = samplers.levels(training, sampler, 20, 0.8)
    _, record = run(EPS, name, 20, 0.8)
    for step, found in enumerate(record.latents[:-1], start=1):
        rest = (found - levels.signal(step) * clean()) / levels.noise(step)
        assert rest.std().item() == pytest.approx(1.0, abs=0.15)


def test_levels_start_exactly_at_the_strength_also_with_karras_spacing() -> None:
    training = Training.of(EPS)
    for strength in (0.05, 0.3, 0.77, 1.0):
        plain = samplers.levels(training, SAMPLERS["Euler"], 12, strength)
        karras = samplers.levels(training, SAMPLERS["DPM++ 2M Karras"], 12, strength)
        assert karras.timesteps[0] == plain.timesteps[0] == round(strength * 1000) - 1
        assert karras.noise(0) == plain.noise(0)
        assert len(karras) == len(plain)
        assert np.all(np.diff(karras.sigmas) < 0)
        assert np.all(np.diff(karras.timesteps) < 0)


@pytest.mark.parametrize("steps", [1, 4, 8, 20])
@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("config", [EPS, ZERO_SNR_V], ids=["eps", "zero-snr-v"])
def test_every_strength_has_a_step_and_noise_rises_with_it(
    config: dict[str, Any], name: str, steps: int
) -> None:
    strengths = [round(0.05 * index, 2) for index in range(1, 21)]
    found = [
        samplers.levels(Training.of(config), SAMPLERS[name], steps, strength)
        for strength in strengths
    ]
    assert all(1 <= len(levels) <= steps for levels in found)
    starts = [levels.timesteps[0] for levels in found]
    assert starts == pytest.approx([1000 * strength - 1 for strength in strengths], abs=0.5)
    noise = [levels.noise(0) for levels in found]
    assert noise == sorted(set(noise))


def test_karras_spends_one_step_on_almost_pure_noise() -> None:
    levels = samplers.levels(Training.of(ZERO_SNR_V), SAMPLERS["DPM++ 2M Karras"], 8, 1.0)
    assert levels.sigmas[0] > 4000
    assert levels.sigmas[1] == pytest.approx(samplers.KARRAS_TOP)


@pytest.mark.parametrize("config", [EPS, ZERO_SNR_V], ids=["eps", "zero-snr-v"])
def test_ddim_equals_diffusers_ddim(config: dict[str, Any]) -> None:
    """20 trailing steps of a model that is not perfect, so that the formulas have to agree."""

    def model(x: Tensor, t: Tensor) -> Tensor:
        return torch.tanh(x * 1.3) * (0.2 + float(t) / 1500)

    theirs = DDIMScheduler(
        **config, timestep_spacing="trailing", clip_sample=False, set_alpha_to_one=True
    )
    theirs.set_timesteps(20)
    expected = noise()
    for t in theirs.timesteps:
        expected = theirs.step(model(expected, t), t, expected).prev_sample

    training, sampler = Training.of(config), SAMPLERS["DDIM"]
    levels = samplers.levels(training, sampler, 20, 1.0)
    ours = samplers.scheduler(training, sampler, levels, Record(), torch.float32, masked=False)
    ours.set_timesteps(20)
    assert [int(t) for t in ours.timesteps] == [int(t) for t in theirs.timesteps]
    found = noise()
    for t in ours.timesteps:
        found = ours.step(model(found, t), t, found)[0]
    torch.testing.assert_close(found, expected, atol=2e-3, rtol=1e-3)


def test_a_model_in_half_precision_keeps_its_latents_in_float32() -> None:
    training, sampler = Training.of(ZERO_SNR_V), SAMPLERS["Euler"]
    levels = samplers.levels(training, sampler, 4, 1.0)
    planned = samplers.scheduler(training, sampler, levels, Record(), torch.float16, masked=False)
    planned.set_timesteps(4)
    x = noise() * planned.scale(0)
    seen = planned.scale_model_input(x, planned.timesteps[0])
    assert seen.dtype == torch.float16
    assert seen.isfinite().all()
    assert planned.step(seen, planned.timesteps[0], x)[0].dtype == torch.float32


@pytest.mark.parametrize("name", [name for name in SAMPLERS if name != "Euler a"])
def test_what_a_mask_puts_back_is_what_the_next_step_starts_from(name: str) -> None:
    """UniPC's corrector would go back to before the mask was applied.

    The constant answer needs a model that predicts the picture, which Euler a cannot take.
    """
    config = EPS | {"prediction_type": "sample"}
    training, sampler = Training.of(config), SAMPLERS[name]
    levels = samplers.levels(training, sampler, 6, 1.0)
    put_back = torch.full(SHAPE, 0.3)

    class PutsBack(Record):
        def after(self, step: int, estimate: Callable[[], Tensor], found: Tensor) -> Tensor:
            super().after(step, estimate, found)
            return put_back if step == 2 else found

    after_the_mask = []
    for seed in (1, 2):
        watch = PutsBack()
        planned = samplers.scheduler(training, sampler, levels, watch, torch.float32, masked=True)
        planned.set_timesteps(6)
        x = torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed)) * planned.scale(0)
        generator = torch.Generator().manual_seed(3)
        calls = [call for call in planned.calls if call.step < 4]
        for t in planned.timesteps[: len(calls)]:
            planned.scale_model_input(x, t)
            x = planned.step(clean(), t, x, generator=generator)[0]
        after_the_mask.append(watch.latents[3])
    torch.testing.assert_close(after_the_mask[0], after_the_mask[1])
