"""Every rectified-flow family paints what diffusers' own pipeline paints."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import DiffusionPipeline
from tests.engine.bench import Bench
from tests.support.tiny_flow_models import VARIANTS, WRITERS, write_krea2

from pentimento.engine.architectures import FAMILIES
from pentimento.engine.worker import Worker
from pentimento.models.library.registry import Registry

PATCHED_VAES = ("flux2-klein", "flux2-dev", "ernie-image")
BEGINS_AT_0 = {"krea2": 1}  # what its pipeline calls 0 is 1 for all others
WIDTH, HEIGHT, STEPS, SEED = 96, 64, 4, 7


@pytest.mark.parametrize("model", WRITERS | VARIANTS)
def test_paints_what_diffusers_itself_paints(bench: Bench, model: str, data_dir: Path) -> None:
    """The same noise through the family's own pipeline, with its own scheduler, text encoders and
    VAE: noise levels, tokens, guidance and the scaling of latents are all in this comparison."""
    assert_the_same(bench, model, data_dir)


def test_krea_2_turbo_has_a_shift_of_its_own(worker: Worker, tmp_path: Path) -> None:
    """A folder beside Raw, of which all else is the same: nothing but its index tells."""
    torch.manual_seed(0)
    write_krea2(tmp_path / "models" / "turbo", distilled=True)
    registry = Registry(tmp_path)
    assert registry.get("turbo").default_guidance == 1.0
    assert_the_same(Bench(worker, registry, tmp_path), "turbo", tmp_path)


def assert_the_same(bench: Bench, model: str, data: Path) -> None:
    family = FAMILIES[bench.registry.get(model).family]
    absent = {"text_processor": None} if family.name == "longcat-image" else {}
    pipe = DiffusionPipeline.from_pretrained(data / "models" / model, **absent)
    pipe.set_progress_bar_config(disable=True)
    channels, factor = (32, 16) if model in PATCHED_VAES else (pipe.vae.config.get("z_dim"), 8)
    channels = channels or pipe.vae.config.latent_channels
    shape = (1, channels, HEIGHT // factor, WIDTH // factor)
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(SEED))
    words: dict[str, object] = {"prompt": "a red ball"}
    if family.name not in ("flux", "flux2-klein", "flux2-dev"):
        words["negative_prompt"] = ""
    if model == "sd3":  # its pipeline alone spends the last step on next to nothing
        words["sigmas"] = [1 - step / STEPS for step in range(STEPS)]
    guidance = "true_cfg_scale" if model == "qwen-image" else "guidance_scale"
    if family.name == "longcat-image":  # it would rewrite the words first, with its own encoder
        words["enable_prompt_rewrite"] = False
    asked = 3.5 - BEGINS_AT_0.get(family.name, 0)
    wanted = pipe(
        **words,
        **{guidance: asked},
        latents=family.start(noise),
        num_inference_steps=STEPS,
        width=WIDTH,
        height=HEIGHT,
        output_type="np",
    ).images[0]
    made = bench.make(model, mode="txt2img", width=WIDTH, height=HEIGHT, steps=STEPS, seed=SEED)
    ours = made.pixels()[..., :3].astype(float)
    assert ours.std() > 1
    assert np.abs(ours - wanted * 255).max() < 1.0


@pytest.mark.parametrize(
    ("family", "asked", "called"),
    [
        ("krea2", 5.5, 4.5),
        ("krea2", 1.0, 0.0),
        ("krea2", 0.0, 0.0),
        ("ernie-image", 4.0, 4.0),
        ("longcat-image", 0.5, 1.0),
    ],
)
def test_guidance_counts_from_one_whatever_a_pipeline_calls_it(
    family: str, asked: float, called: float
) -> None:
    """In pictures of random weights it hardly shows."""
    words = {"prompt_embeds": torch.zeros(1, 8, 4)}
    assert FAMILIES[family].arguments(words, asked)["guidance_scale"] == called
