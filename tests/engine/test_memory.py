"""Budgets: what leaves, what stays, and that pictures do not change with them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.engine.bench import Bench

from pentimento.engine.memory.device import Device
from pentimento.engine.worker import Worker
from pentimento.models.library.registry import Registry

CPU = Device(torch.device("cpu"), torch.float32, "cpu")
MODELS = ("sd15", "sdxl", "flux", "z-image")


def small(registry: Registry, folder: Path, **budgets: int) -> Bench:
    return Bench(Worker(replace(CPU, **budgets)), registry, folder)


@pytest.mark.parametrize("model", MODELS)
def test_a_budget_smaller_than_the_model_drops_its_text_encoders_first(
    bench: Bench, registry: Registry, tmp_path: Path, model: str
) -> None:
    wanted = bench.make(model)
    sizes = {
        part["name"]: part for part in bench.worker.condition()["memory"]["parts"] if part["mb"]
    }
    assert sizes
    (tmp_path / "small").mkdir()
    tight = small(registry, tmp_path / "small", ram=1)
    made = tight.make(model)
    np.testing.assert_array_equal(made.pixels(), wanted.pixels())
    left = tight.worker.condition()["loaded"]
    assert {"vae"} <= set(left)
    assert not [name for name in left if name.startswith("text_encoder")]
    again = tight.make(model)  # its words are known, so the encoders are not read again
    assert not [name for name in again.facts["loaded"] if name.startswith("text_encoder")]


@pytest.mark.parametrize("model", MODELS)
def test_a_denoiser_larger_than_the_devices_budget_works_block_by_block(
    bench: Bench, registry: Registry, tmp_path: Path, model: str
) -> None:
    (tmp_path / "small").mkdir()
    made = small(registry, tmp_path / "small", vram=1).make(model)
    assert {"unet", "transformer"} & set(made.facts["offloaded"])
    np.testing.assert_array_equal(made.pixels(), bench.make(model).pixels())


@pytest.mark.parametrize(("vram", "tiled"), [(2**30, False), (2**18, True)])
def test_pictures_are_decoded_in_tiles_where_memory_is_short(
    registry: Registry, tmp_path: Path, vram: int, tiled: bool
) -> None:
    bench = small(registry, tmp_path, vram=vram)
    assert bench.make("sd15", width=64, height=64, steps=1).facts["tiled"] is tiled


def test_nothing_is_loaded_twice_across_modes(bench: Bench) -> None:
    from tests.engine.bench import photo

    bench.make("sdxl")
    again = bench.make("sdxl", mode="img2img", source=photo(), strength=0.5, prompt="new words")
    assert again.facts["loaded"] == []


def test_the_account_names_budgets_and_parts(registry: Registry, tmp_path: Path) -> None:
    bench = small(registry, tmp_path, ram=100 * 2**20)
    bench.make("sd15")
    memory = bench.worker.condition()["memory"]
    assert (memory["ram_mb"], memory["vram_mb"]) == (100, None)
    assert {part["name"] for part in memory["parts"]} >= {"unet", "vae"}
    assert {part["place"] for part in memory["parts"]} == {"ram"}


@pytest.mark.parametrize("model", ["sd15", "z-image"])
def test_a_denoiser_kept_in_fp8_makes_nearly_the_same_picture(
    bench: Bench, registry: Registry, tmp_path: Path, model: str
) -> None:
    (tmp_path / "small").mkdir()
    half = Bench(Worker(replace(CPU, storage="fp8")), registry, tmp_path / "small")
    made, plain = half.make(model).pixels(), bench.make(model).pixels()
    difference = np.abs(made.astype(float) - plain).mean()
    assert 0 < difference < 25
