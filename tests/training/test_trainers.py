"""Every trainer runs, leaves what it promises, and goes on where it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import ControlNetModel, StableDiffusionPipeline
from training.cache import Recipe, fill
from training.controlnet import Control, unpacked
from training.denoiser import Denoiser
from training.export import put_in_place, save_controlnet, save_lora
from training.few_steps import FewSteps
from training.lora import Style
from training.trainer import Plan, load_caches
from training.trajectories import CLEAN, Teacher, end_of_step, times_from
from training.trajectories import fill as record

MODEL = Path(__file__).resolve().parents[2] / "server" / "pentimento" / "starter" / "model"
BRIEF = Plan(
    minutes=1e-6,
    batch=2,
    peak_lr=1e-3,
    last_lr_share=0.3,
    sync=2,
    ema=0.5,
    device="cpu",
    rank=0,
    world=1,
)  # over at the first chance, after two steps


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """16 pictures at 32², with edges and in the LoRA's style."""
    file = tmp_path_factory.mktemp("cache") / "few.npz"
    recipe = Recipe(
        32, 16, objects=0.4, closeups=0.2, simple=0.4, seed=1, style="blueprint", edges=True
    )
    fill(MODEL, file, recipe)
    return file


def train(trainer, run: Path, cache: Path) -> int:
    """Trains as briefly as possible; how many steps were made in all."""
    trainer(MODEL, run, BRIEF).train(load_caches([cache], 0, 1))
    return torch.load(run / "rank0.pt", weights_only=True)["state"]["step"]


def test_a_cache_holds_what_training_needs(cache):
    kept = np.load(cache)
    assert kept["latents"].shape == (16, 4, 8, 8)
    assert kept["tokens"].shape[0] == 16
    assert kept["objects"].shape == (16, 8, 8)
    edges = unpacked(torch.from_numpy(kept["edges"]))
    assert edges.shape == (16, 3, 32, 32)
    assert set(edges.unique().tolist()) == {0.0, 1.0}


def test_the_denoiser_goes_on_from_its_checkpoint(cache, tmp_path):
    assert train(Denoiser, tmp_path, cache) == 2
    assert train(Denoiser, tmp_path, cache) == 4
    made = StableDiffusionPipeline.from_pretrained(tmp_path / "ema")
    before = StableDiffusionPipeline.from_pretrained(MODEL, dtype=torch.float32)
    assert (made.unet.conv_in.weight != before.unet.conv_in.weight).any()


def test_the_controlnet_learns_and_is_all_that_is_saved(cache, tmp_path):
    assert train(Control, tmp_path, cache) == 2
    put_in_place(save_controlnet(tmp_path / "ema", tmp_path / "new"), tmp_path / "shipped")
    made = ControlNetModel.from_pretrained(tmp_path / "shipped", dtype=torch.float16)
    assert made.controlnet_mid_block.weight.abs().max() > 0  # it starts at 0


def test_the_lora_is_a_file_that_diffusers_loads(cache, tmp_path):
    assert train(Style, tmp_path, cache) == 2
    pipe = StableDiffusionPipeline.from_pretrained(MODEL, dtype=torch.float32)
    put_in_place(save_lora(tmp_path / "ema", tmp_path / "new"), tmp_path / "shipped")
    pipe.load_lora_weights(tmp_path / "shipped")
    assert pipe.get_active_adapters()


def test_a_way_is_the_one_that_the_model_goes_by_itself():
    """As diffusers' DDIM with guidance, from the noised picture to the clean one."""
    teacher, times = Teacher(MODEL, 3.5), times_from(300)
    assert (times[0], times[-1], len(times)) == (299, CLEAN, 7)
    torch.manual_seed(3)
    clean, noise = torch.randn(2, 1, 4, 8, 8)
    tokenizer = teacher.pipe.tokenizer
    tokens = torch.tensor(tokenizer(["a red house"], padding="max_length", max_length=48).input_ids)
    way = teacher.way(clean, tokens, noise, times)
    assert len(way) == len(times)
    scheduler, x = teacher.pipe.scheduler, way[0]
    scheduler.set_timesteps(20)  # trailing, of which the last six run
    assert scheduler.timesteps[-6:].tolist() == times[:-1]
    both = teacher.pipe.text_encoder(torch.cat([tokens, teacher.nothing[None]]))[0]
    for t in scheduler.timesteps[-6:]:
        with_words, without = teacher.unet(torch.cat([x, x]), t, both).sample.chunk(2)
        x = scheduler.step(without + 3.5 * (with_words - without), t, x).prev_sample
    assert (way[-1] - x).abs().max() < 0.1  # bfloat16
    assert (way[-1] - way[0]).abs().max() > 1


def test_long_steps_end_at_the_clean_picture_or_a_step_further():
    assert end_of_step(299, 4, 1.2) == 0
    assert end_of_step(374, 4, 0.75) == 0
    assert end_of_step(999, 4, 1.0) == 750
    assert end_of_step(599, 4, 1.2) == 300


def test_the_lora_for_few_steps_learns_where_its_steps_lead(cache, tmp_path):
    ways = tmp_path / "ways.npz"
    record(Teacher(MODEL, 3.5), cache, ways, count=16, steps=4, seed=5)
    kept = np.load(ways)
    assert kept["latents"].shape == kept["velocity"].shape
    assert kept["latents"].shape[1:] == (4, 8, 8)
    assert (kept["turn"] > 0).all()
    assert np.isfinite(kept["velocity"]).all()
    assert train(FewSteps, tmp_path, ways) == 2
    pipe = StableDiffusionPipeline.from_pretrained(MODEL, dtype=torch.float32)
    pipe.load_lora_weights(tmp_path / "ema")
    assert pipe.get_active_adapters()
