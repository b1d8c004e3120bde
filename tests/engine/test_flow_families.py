"""Every rectified-flow family: as diffusers paints it, and with our promises kept."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import DiffusionPipeline
from tests.engine.bench import Bench, photo
from tests.support.tiny_flow_models import WRITERS

from pentimento.backends.base import Event, Step
from pentimento.engine.families import FAMILIES
from pentimento.engine.stop import StopFlag
from pentimento.errors import Cancelled
from pentimento.jobs.plan import make_plan
from pentimento.jobs.record import Mode, PlanRequest
from pentimento.models import Registry

pytestmark = pytest.mark.parametrize("model", WRITERS)
SIDE, STEPS, SEED = 64, 4, 7


def test_paints_what_diffusers_itself_paints(bench: Bench, model: str, data_dir: Path) -> None:
    """The same noise through the family's own pipeline, with its own scheduler, text encoders and
    VAE: noise levels, tokens, guidance and the scaling of latents are all in this comparison."""
    family = FAMILIES[model]
    pipe = DiffusionPipeline.from_pretrained(data_dir / "models" / model)
    pipe.set_progress_bar_config(disable=True)
    channels, factor = (32, 16) if model == "flux2-klein" else (pipe.vae.config.get("z_dim"), 8)
    channels = channels or pipe.vae.config.latent_channels
    shape = (1, channels, SIDE // factor, SIDE // factor)
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(SEED))
    words: dict[str, object] = {"prompt": "a red ball"}
    if model not in ("flux", "flux2-klein"):
        words["negative_prompt"] = ""
    if model == "sd3":  # its pipeline alone spends the last step on next to nothing
        words["sigmas"] = [1 - step / STEPS for step in range(STEPS)]
    guidance = "true_cfg_scale" if model == "qwen-image" else "guidance_scale"
    wanted = pipe(
        **words,
        **{guidance: 3.5},
        latents=family.start(noise),
        num_inference_steps=STEPS,
        width=SIDE,
        height=SIDE,
        output_type="np",
    ).images[0]
    made = bench.make(model, mode="txt2img", width=SIDE, height=SIDE, steps=STEPS, seed=SEED)
    ours = made.pixels()[..., :3].astype(float)
    assert ours.std() > 1
    assert np.abs(ours - wanted * 255).max() < 1.0


def test_strength_one_is_text_to_image(bench: Bench, model: str) -> None:
    painted = bench.make(model, mode="img2img", source=photo(96, 64), strength=1.0)
    invented = bench.make(model, mode="txt2img", width=96, height=64)
    np.testing.assert_array_equal(painted.pixels()[..., :3], invented.pixels()[..., :3])


def test_the_same_record_gives_the_same_bytes_and_another_seed_does_not(
    bench: Bench, model: str
) -> None:
    one, same, other = (
        bench.make(model, mode="img2img", source=photo(), strength=0.6, seed=seed).pixels()
        for seed in (1, 1, 2)
    )
    assert one.tobytes() == same.tobytes() != other.tobytes()


def test_noise_rises_with_strength_as_the_plan_says(
    bench: Bench, model: str, registry: Registry
) -> None:
    noise = []
    for strength in (0.05, 0.3, 0.6, 1.0):
        made = bench.make(model, mode="img2img", source=photo(), strength=strength)
        rectangle = {"x": 0, "y": 0, "width": SIDE, "height": SIDE}
        plan = make_plan(
            PlanRequest.model_validate(
                {"mode": Mode.IMG2IMG, "model": model, "source": rectangle}
                | {"strength": strength, "steps": STEPS}
            ),
            registry,
        )
        facts = made.images[0].facts
        assert len(made.steps) == facts["steps_run"] == plan.steps_run >= 1
        assert facts["start_noise"] == pytest.approx(plan.start_noise, abs=1e-6)
        noise.append(facts["start_noise"])
    assert noise[-1] == 1
    assert all(before < after for before, after in itertools.pairwise(noise))


def test_a_soft_fill_keeps_what_is_not_selected(bench: Bench, model: str) -> None:
    source = photo(96, 64)
    mask = np.zeros((64, 96), np.uint8)
    mask[:, 32:64], mask[:, 64:] = 128, 255
    result = bench.make(model, mode="inpaint", source=source, mask=mask, strength=0.8).pixels()
    assert result[:, :32].tobytes() == source[:, :32].tobytes()
    change = np.abs(result[..., :3].astype(float) - source[..., :3]).mean((0, 2))
    assert 0 < change[32:64].mean() < change[64:].mean()


def test_steps_are_previewed(bench: Bench, model: str) -> None:
    made = bench.make(model, mode="txt2img", width=SIDE, height=SIDE, preview=True)
    assert [step.step for step in made.steps] == list(range(1, STEPS + 1))
    assert {made.previews[0].step, made.previews[-1].step} == {1, STEPS}


def test_a_job_ends_where_it_is_stopped_and_the_next_one_is_unharmed(
    bench: Bench, model: str
) -> None:
    stop, seen = StopFlag(), []

    def stop_at_the_second(event: Event) -> None:
        if isinstance(event, Step):
            seen.append(event)
            if event.step == 2:
                stop.set()

    job = bench.job(model, mode="txt2img", width=SIDE, height=SIDE, steps=8)
    with pytest.raises(Cancelled):
        bench.run(job, on_event=stop_at_the_second, stop=stop)
    assert len(seen) == 2
    again = bench.make(model, mode="txt2img", width=SIDE, height=SIDE)
    fresh = bench.make(model, mode="txt2img", width=SIDE, height=SIDE)
    assert again.pixels().tobytes() == fresh.pixels().tobytes()
