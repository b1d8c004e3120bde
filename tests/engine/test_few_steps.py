"""One to eight steps: every strength works, exactly as planned, on the levels such models know."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diffusers import EulerDiscreteScheduler, LCMScheduler
from tests.engine.bench import Bench, photo
from tests.engine.test_sampling import EPS
from tests.support.tiny_addons import write_ip_adapter, write_lora
from tests.support.tiny_models import write_sd15

from pentimento.engine.sampling import samplers
from pentimento.engine.sampling.samplers import SAMPLERS, Training
from pentimento.engine.worker import Worker
from pentimento.imaging.noise_levels import EVEN, Spacing
from pentimento.jobs.plan import make_plan, resolve
from pentimento.models.library.registry import Registry
from pentimento.schema.job import JobRequest
from pentimento.schema.plan import PlanRequest

SIDE = 32
STRENGTHS = [round(0.1 * index, 1) for index in range(1, 11)]
WAYS = [("sd15", "LCM"), ("sd15", "Euler"), ("sd15", "Euler a"), ("flux", "Euler")]


@pytest.mark.parametrize("steps", [1, 2, 4, 8])
@pytest.mark.parametrize(("model", "sampler"), WAYS)
def test_every_strength_runs_as_the_plan_says(
    bench: Bench, registry: Registry, model: str, sampler: str, steps: int
) -> None:
    noise = []
    for strength in STRENGTHS:
        asked: dict[str, Any] = {"mode": "img2img", "model": model, "strength": strength}
        asked |= {"steps": steps, "sampler": sampler, "guidance": 1.0}
        rectangle = {"width": SIDE, "height": SIDE}
        plan = make_plan(PlanRequest(source=rectangle, **asked), registry)
        made = bench.make(**asked, source=photo(SIDE, SIDE))
        facts = made.images[0].facts
        assert len(made.steps) == facts["steps_run"] == plan.steps_run
        assert plan.steps_run == max(1, int(steps * strength + 0.5))
        assert facts["start_noise"] == pytest.approx(plan.start_noise, abs=1e-6)
        assert made.pixels().std() > 0  # a picture of numbers that are none is refused
        noise.append(plan.start_noise)
    assert all(less < more for less, more in itertools.pairwise(noise))


@pytest.mark.parametrize("sampler", ["LCM", "Euler", "Euler a"])
def test_less_strength_keeps_more_of_the_source(bench: Bench, sampler: str) -> None:
    source = photo()
    distances = []
    for strength in (0.1, 0.4, 0.7, 1.0):
        made = bench.make(
            "starter", mode="img2img", source=source, strength=strength, sampler=sampler
        )
        distances.append(np.abs(made.pixels()[..., :3].astype(float) - source[..., :3]).mean())
    assert distances == sorted(distances)
    assert distances[0] < distances[-1] / 2


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_lcm_has_diffusers_own_timesteps(steps: int) -> None:
    theirs = LCMScheduler(**EPS)
    theirs.set_timesteps(steps)
    ours = samplers.levels(Training.of(EPS), SAMPLERS["LCM"], steps, 1.0)
    assert ours.timesteps.tolist() == theirs.timesteps.tolist()


def test_lcm_steps_only_where_it_was_distilled_whatever_the_strength() -> None:
    for steps, strength in itertools.product((2, 4, 6, 8), STRENGTHS):
        ours = samplers.levels(Training.of(EPS), SAMPLERS["LCM"], steps, strength)
        assert ours.timesteps[0] == round(strength * 1000) - 1
        assert all((t + 1) % 20 == 0 for t in ours.timesteps[1:])


@pytest.mark.parametrize("steps", [1, 2, 4, 8])
def test_lightning_and_its_kin_have_diffusers_trailing_levels(steps: int) -> None:
    theirs = EulerDiscreteScheduler(**EPS, timestep_spacing="trailing")
    theirs.set_timesteps(steps)
    ours = samplers.levels(Training.of(EPS), SAMPLERS["Euler"], steps, 1.0, Spacing(grid=steps))
    assert ours.timesteps.tolist() == theirs.timesteps.tolist()
    np.testing.assert_allclose(ours.sigmas, theirs.sigmas, rtol=1e-5)


@pytest.fixture(scope="module")
def distilled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with guidance as a number, and a LoRA named as ByteDance's."""
    folder = tmp_path_factory.mktemp("distilled")
    write_sd15(folder / "models" / "lcm", unet={"time_cond_proj_dim": 16})
    write_ip_adapter(folder / "models" / "lcm", folder / "ip_adapters" / "tiny")
    write_sd15(folder / "models" / "plain")
    write_lora(
        folder / "models" / "plain", folder / "loras" / "Hyper-SD15-4steps-lora.safetensors", 1
    )
    return folder


def test_a_latent_consistency_model_reads_its_guidance_as_a_number(
    distilled: Path, tmp_path: Path
) -> None:
    bench = Bench(Worker(), Registry(distilled), tmp_path)
    asked = {"mode": "txt2img", "width": SIDE, "height": SIDE, "sampler": "LCM"}
    strict, loose = (bench.make("lcm", guidance=g, **asked).pixels() for g in (8.0, 3.0))
    unwanted = bench.make("lcm", guidance=8.0, negative_prompt="rain", **asked).pixels()
    assert strict.tobytes() != loose.tobytes()
    assert strict.tobytes() == unwanted.tobytes()  # it reads the prompt alone, once a step
    reference = {"image": photo(40, 40, seed=1), "weight": 1.0}
    shown = bench.make("lcm", guidance=8.0, references=[reference], **asked).pixels()
    assert shown.tobytes() != strict.tobytes()


def test_a_lora_for_few_steps_brings_its_levels_into_the_engine(
    distilled: Path, tmp_path: Path
) -> None:
    registry = Registry(distilled)
    bench = Bench(Worker(), registry, tmp_path)
    (few,) = (one for one in registry.addons.list() if one.suggests and not one.live)
    loras = [{"id": few.id, "weight": 1.0}]
    opened = resolve(JobRequest(model="plain", loras=loras), registry, None)
    assert (opened.steps, opened.guidance, opened.sampler) == (4, 1.0, "Euler")
    job = bench.job("plain", mode="img2img", source=photo(SIDE, SIDE), loras=loras, strength=0.6)
    assert job.extras.spacing == Spacing(grid=4, least=4)
    known = bench.run(job)
    pixels = known.pixels()  # before the next run writes into the same folder
    even = bench.run(replace(job, extras=replace(job.extras, spacing=EVEN)))
    assert (len(known.steps), len(even.steps)) == (3, 2)  # 0.6, and 0.5 and 0.25 below it
    assert known.images[0].facts["start_noise"] == even.images[0].facts["start_noise"]
    assert pixels.tobytes() != even.pixels().tobytes()  # others after the first
