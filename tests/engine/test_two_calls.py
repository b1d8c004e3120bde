"""The samplers that ask twice in a step, and those of rectified flow: the numbers of diffusers' own
schedulers, or of the published formulas, on the same levels and with the same imperfect model.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    DPMSolverMultistepScheduler,
    FlowMatchHeunDiscreteScheduler,
    HeunDiscreteScheduler,
    KDPM2DiscreteScheduler,
)
from tests.engine.bench import Bench, photo
from tests.engine.test_sampling import EPS, SHAPE, Record, noise
from torch import Tensor

from pentimento.engine.conditioning import controlnet
from pentimento.engine.conditioning.controlnet import Steering
from pentimento.engine.sampling import flow, samplers, two_calls
from pentimento.engine.sampling.flow import FlowTraining
from pentimento.engine.sampling.samplers import SAMPLERS, Training

STEPS = 9
FLOW = {"shift": 3.0}


def model(x: Tensor, t: float) -> Tensor:
    """Of VP latents; far from perfect, so that the formulas have to agree."""
    return torch.tanh(x * 1.3) * (0.2 + t / 1500)


def ours(name: str, strength: float) -> tuple[Tensor, Any]:
    training = Training.of(EPS)
    levels = samplers.levels(training, SAMPLERS[name], STEPS, strength)
    watch = Record()
    made = samplers.scheduler(training, SAMPLERS[name], levels, watch, torch.float32, masked=False)
    made.set_timesteps(STEPS)
    x, generator = noise(), torch.Generator().manual_seed(5)
    for t in made.timesteps:
        x = made.step(model(made.scale_model_input(x, t), float(t)), t, x, generator=generator)[0]
    assert len(watch.latents) == made.current == len(levels)
    return x, made


@pytest.mark.parametrize("name", ["Heun", "Heun Karras", "DPM2", "DPM2 Karras"])
def test_ddpm_noise_falls_as_in_diffusers(name: str) -> None:
    found, made = ours(name, 0.8)
    kind = HeunDiscreteScheduler if name.startswith("Heun") else KDPM2DiscreteScheduler
    theirs = kind(**EPS)
    theirs.set_timesteps(STEPS)
    sigmas = torch.from_numpy(made.levels.sigmas).float()
    doubled = torch.cat([sigmas[:1], sigmas[1:-1].repeat_interleave(2), sigmas[-1:]])
    theirs.sigmas = doubled
    if kind is KDPM2DiscreteScheduler:  # it keeps what it goes by in a list of their own
        middle = (sigmas[:-1] * sigmas[1:]).sqrt()
        theirs.sigmas_interpol = torch.cat([sigmas[:1], middle.repeat_interleave(2)])
    theirs.timesteps = made.timesteps
    theirs._step_index = 0
    x = noise() * float(np.sqrt(1 + made.levels.sigmas[0] ** 2))
    for call, t in zip(made.calls, made.timesteps, strict=True):
        seen = x / float(np.sqrt(1 + call.place.sigmas[0] ** 2))
        x = theirs.step(model(seen, float(t)), t, x, return_dict=False)[0]
    torch.testing.assert_close(found, x, atol=2e-4, rtol=1e-4)


def test_dpm_sde_is_the_published_formula() -> None:
    """DPM-Solver++(2S) with noise, as in the logarithm of signal over noise it is written."""
    found, made = ours("DPM++ SDE", 0.8)
    generator, sigmas = torch.Generator().manual_seed(5), made.levels.sigmas
    places = {round(float(call.place.sigmas[0]), 9): call for call in made.calls}

    def denoised(x: Tensor, sigma: float) -> Tensor:
        t = float(places[round(sigma, 9)].place.timesteps[0])
        seen = x / math.sqrt(1 + sigma**2)
        return x - sigma * model(seen, t)

    def ancestral(start: float, end: float) -> tuple[float, float]:
        up = math.sqrt(end**2 / start**2 * (start**2 - end**2))
        return math.sqrt(end**2 - up**2), up

    x = noise() * math.sqrt(1 + sigmas[0] ** 2)
    for step, sigma in enumerate(float(one) for one in sigmas[:-1]):
        following = float(sigmas[step + 1])
        if not following:
            x = denoised(x, sigma)
            break
        now, goal = -math.log(sigma), -math.log(following)
        half = math.exp(-(now + (goal - now) / 2))
        down, up = ancestral(sigma, half)
        drawn = torch.randn(SHAPE, generator=generator)
        first = denoised(x, sigma)
        y = down / sigma * x - math.expm1(now + math.log(down)) * first + up * drawn
        again = torch.randn(SHAPE, generator=generator)
        brownian = math.sqrt(sigma - half) * drawn + math.sqrt(half - following) * again
        down, up = ancestral(sigma, following)
        x = down / sigma * x - math.expm1(now + math.log(down)) * denoised(y, half)
        x += up * brownian / math.sqrt(sigma - following)
    torch.testing.assert_close(found, x, atol=2e-4, rtol=1e-4)


def test_noise_of_both_ways_is_one_walk() -> None:
    """Its variance at the end is that of noise, whatever the levels."""
    draw = torch.Generator().manual_seed(1)
    half = two_calls.Stochastic().half(
        zeros := torch.zeros(200_000), zeros, 4.0, 2.0, lambda: torch.randn(200_000, generator=draw)
    )
    end = two_calls.Stochastic().whole(
        half, zeros, 1.0, lambda: torch.randn(200_000, generator=draw)
    )
    _, added = two_calls.falls_to(4.0, 1.0)
    assert end.std().item() == pytest.approx(added, rel=0.01)
    assert np.corrcoef(half.y, end)[0, 1] == pytest.approx(math.sqrt(2 / 3), abs=0.01)


class Plain:
    """Of a family whose pipeline hands latents around as they are."""

    def unpack(self, values: Tensor, height: int, width: int) -> Tensor:
        return values

    pack = staticmethod(lambda values: values)


def flowing(name: str, strength: float, start: Tensor) -> tuple[Tensor, Any]:
    levels = FlowTraining(FLOW, "linear").levels(
        STEPS, strength, 256, spaced=SAMPLERS[name].spacing
    )
    made = flow.scheduler(FLOW, SAMPLERS[name], Plain(), levels, Record(), start)
    made.set_timesteps()
    for t in made.timesteps:
        made.step(model(made.found, float(t)), t, made.found)
    assert made.current == len(levels) == len(made.watch.latents)
    return made.found, made


def test_heun_of_rectified_flow_is_that_of_diffusers() -> None:
    found, made = flowing("Heun", 0.8, noise())
    theirs = FlowMatchHeunDiscreteScheduler()
    theirs.set_timesteps(STEPS)
    sigmas = torch.from_numpy(made.levels.sigmas).float()
    theirs.sigmas = torch.cat([sigmas[:1], sigmas[1:-1].repeat_interleave(2), sigmas[-1:]])
    theirs.timesteps, theirs._step_index = made.timesteps, 0
    x = noise()
    for t in made.timesteps:
        x = theirs.step(model(x, float(t)), t, x, return_dict=False)[0]
    torch.testing.assert_close(found, x, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", ["DPM++ 2M Simple", "DPM++ 2M Beta"])
def test_dpm_2m_of_rectified_flow_is_that_of_diffusers(name: str) -> None:
    found, made = flowing(name, 0.8, noise())
    theirs = DPMSolverMultistepScheduler(
        prediction_type="flow_prediction", use_flow_sigmas=True, solver_order=2
    )
    theirs.set_timesteps(STEPS)
    theirs.sigmas = torch.from_numpy(made.levels.sigmas).float()
    theirs.timesteps, theirs.num_inference_steps = made.timesteps, len(made.timesteps)
    theirs._step_index = 0
    x = noise()
    for t in made.timesteps:
        x = theirs.step(model(x, float(t)), t, x, return_dict=False)[0]
    torch.testing.assert_close(found, x, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("strength", [0.05, 0.5, 1.0])
@pytest.mark.parametrize(
    "name", ["Euler", "Euler Beta", "DPM++ 2M Simple", "DPM++ 2M Beta", "Heun"]
)
def test_a_perfect_flow_leads_to_the_clean_latents(name: str, strength: float) -> None:
    clean = torch.randn(SHAPE, generator=torch.Generator().manual_seed(1))
    training = FlowTraining(FLOW, "linear")
    levels = training.levels(STEPS, strength, 256, spaced=SAMPLERS[name].spacing)
    start = (1 - levels.noise(0)) * clean + levels.noise(0) * noise()
    made = flow.scheduler(FLOW, SAMPLERS[name], Plain(), levels, Record(), start)
    made.set_timesteps()
    assert levels.times[0] == strength
    for call, t in zip(made.calls, made.timesteps, strict=True):
        made.step((made.found - clean) / call.place.noise(0), t, made.found)
    torch.testing.assert_close(made.found, clean, atol=1e-4, rtol=0)


@pytest.mark.parametrize("model", ["sd15", "flux"])
def test_regions_masks_and_maps_count_in_both_calls(bench: Bench, model: str) -> None:
    """A region whose words are those of the whole changes nothing, as the second call knows them
    too; what the mask holds is the source's."""
    mask = np.zeros((64, 64), np.uint8)
    mask[:, 20:50] = 255
    asked: dict[str, Any] = {"mode": "inpaint", "source": photo(), "mask": mask, "steps": 3}
    asked |= {"sampler": "Heun", "strength": 0.8}
    plain = bench.make(model, **asked)
    spread, other = (
        bench.make(
            model, **asked, regions=[{"mask": np.full((64, 64), 255, np.uint8), "prompt": words}]
        )
        for words in ("a red ball", "blue")
    )
    ours = plain.pixels().astype(int)
    assert np.abs(ours - spread.pixels()).max() <= 1
    assert np.abs(ours - other.pixels()).max() > 1
    assert (plain.pixels()[mask == 0] == photo()[mask == 0]).all()
    assert [one.step for one in plain.steps] == [1, 2]
    assert plain.images[0].facts["steps_run"] == 2


def test_a_control_counts_in_both_calls_of_a_step_or_in_none() -> None:
    """Pipelines count calls, so its range is told in calls."""
    steps = [0, 0, 1, 1, 2, 2, 3]
    for start, end in ((0.0, 0.5), (0.25, 1.0), (0.3, 0.8), (0.0, 1.0)):
        one = Steering(Path("net"), "canny", torch.zeros(1), 1.0, start, end)
        asked = controlnet.arguments([one], steps)
        begin, stop = asked["control_guidance_start"][0], asked["control_guidance_end"][0]
        counted = [  # as diffusers has it
            step
            for call, step in enumerate(steps)
            if not (call / len(steps) < begin or (call + 1) / len(steps) > stop)
        ]
        assert counted == [step for step in steps if one.counts(step, 4)]
    plain = controlnet.arguments([one], [0, 1, 2, 3])
    assert (plain["control_guidance_start"], plain["control_guidance_end"]) == ([0.0], [1.0])


def test_without_guidance_the_negative_prompt_is_not_asked(bench: Bench) -> None:
    asked: dict[str, Any] = {"width": 64, "height": 64, "negative_prompt": "grey"}
    free = bench.make(**asked, sampler="Euler CFG-free", guidance=9.0)
    once = bench.make(**asked, sampler="Euler", guidance=1.0)
    assert free.pixels().tobytes() == once.pixels().tobytes()
    guided = bench.make(**asked, sampler="Euler", guidance=9.0)
    assert guided.pixels().tobytes() != once.pixels().tobytes()
