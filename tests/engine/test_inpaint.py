"""Soft masks: exact outside, fully new inside, in proportion between."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.engine.bench import Bench, photo

from pentimento.core.geometry import Size, Work
from pentimento.engine.cancel import StopFlag
from pentimento.engine.job.denoise import denoise
from pentimento.engine.job.recipe import Recipe
from pentimento.engine.loading.model import LoadedModel, Shared
from pentimento.engine.sampling import latents, samplers
from pentimento.engine.sampling.inpaint import latent_mask
from pentimento.engine.sampling.samplers import SAMPLERS
from pentimento.engine.worker import Worker
from pentimento.imaging import bands, model_input, pixels

SIDE = 64


def ramp() -> np.ndarray:
    """0 in the left third, rising to 255 in the right third."""
    row = np.clip((np.arange(SIDE) - SIDE / 3) / (SIDE / 3), 0, 1) * 255
    return np.tile(row.astype(np.uint8), (SIDE, 1))


@pytest.fixture
def model(worker: Worker, bench: Bench) -> LoadedModel:
    shared: Shared = worker._shared
    return LoadedModel(shared, bench.spec("sd15"), lambda event: None, StopFlag())


def plan(model: LoadedModel, sampler: str, strength: float, mask: np.ndarray) -> Recipe:
    size = Size(SIDE, SIDE)
    kind = SAMPLERS[sampler]
    return Recipe(
        sampler=kind,
        levels=samplers.levels(model.training, kind, 10, strength),
        strength=strength,
        guidance=3.0,
        embeddings=model.embeddings("a red ball", "", guided=True),
        source=latents.encode(model.vae(), model_input.model_rgb(photo(), size)),
        mask=latent_mask(mask, Size(SIDE // model.factor, SIDE // model.factor)),
        controls=[],
        areas=[],
        references=[],
        shown=[],
        work=Work.whole(size),
        viewer=None,
        images=1,
    )


@pytest.mark.parametrize("strength", [0.3, 1.0])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_latents_are_exact_where_the_mask_is_0_and_new_where_it_is_1(
    model: LoadedModel, sampler: str, strength: float
) -> None:
    wanted = plan(model, sampler, strength, ramp())
    assert wanted.source is not None
    assert wanted.mask is not None
    found = denoise(model, wanted, 0, 7, lambda event: None, StopFlag())
    change = (found - wanted.source).abs().mean(dim=1, keepdim=True)
    assert (wanted.mask == 0).sum() > 8
    assert change[wanted.mask == 0].max() == 0
    assert change[wanted.mask == 1].min() > 0.01


def test_a_mask_value_works_like_a_strength(model: LoadedModel) -> None:
    """Grey masks hold their place for longer, so less of the source is lost."""
    changes = []
    for value in (0, 64, 128, 192, 255):
        mask = np.full((SIDE, SIDE), value, np.uint8)
        wanted = plan(model, "DDIM", 1.0, mask)
        found = denoise(model, wanted, 0, 7, lambda event: None, StopFlag())
        changes.append(float((found - wanted.source).abs().mean()))
    assert changes[0] == 0
    assert changes == sorted(changes)
    assert len(set(changes)) == 5


def test_a_full_mask_at_strength_one_is_text_to_image(bench: Bench) -> None:
    white = np.full((SIDE, SIDE), 255, np.uint8)
    filled = bench.make(mode="inpaint", source=photo(), mask=white, strength=1.0)
    invented = bench.make(width=SIDE, height=SIDE)
    np.testing.assert_array_equal(filled.pixels()[..., :3], invented.pixels()[..., :3])


@pytest.mark.parametrize("depth", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("size", [(64, 64), (50, 37)])
def test_pixels_outside_the_mask_are_identical(
    bench: Bench, depth: str, size: tuple[int, int]
) -> None:
    source = pixels.to_depth(photo(*size), depth)
    if depth == "float32":
        source[0, 0, :3] = (1.7, -0.2, 0.5)  # beyond 0..1, as GIMP's float images may be
    mask = np.zeros(source.shape[:2], np.uint8)
    mask[8:20, 8:30] = 255
    mask[20:24, 8:30] = 100
    made = bench.make(mode="inpaint", source=source, mask=mask, strength=0.9)
    result = made.pixels()
    assert result.dtype == source.dtype
    np.testing.assert_array_equal(result[mask == 0], source[mask == 0])
    assert (result[mask == 255] != source[mask == 255]).any(axis=1).mean() > 0.9
    np.testing.assert_array_equal(result[..., 3], source[..., 3])


def test_without_composite_the_picture_is_as_generated(bench: Bench) -> None:
    source, mask = photo(), ramp()
    plain = bench.make(mode="inpaint", source=source, mask=mask, composite=False).pixels()
    laid_over = bench.make(mode="inpaint", source=source, mask=mask).pixels()
    assert (plain[mask == 0][:, :3] != source[mask == 0][:, :3]).any()
    np.testing.assert_array_equal(plain[mask == 255], laid_over[mask == 255])
    np.testing.assert_array_equal(plain[..., 3], source[..., 3])


def test_the_effective_mask_comes_back(bench: Bench) -> None:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[30:34, 30:34] = 255
    options = {"grow": 3, "feather": 2, "blend": 4}
    made = bench.make(mode="inpaint", source=photo(), mask=mask, mask_options=options)
    (sent_back,) = [event for event in made.events if getattr(event, "kind", "") == "mask"]
    effective = bands.load_mask(sent_back.file)
    assert effective.shape == mask.shape
    assert (effective > 0).sum() > (mask > 0).sum()
    outside = effective == 0
    np.testing.assert_array_equal(made.pixels()[outside], photo()[outside])


def test_without_options_the_mask_comes_back_byte_for_byte(bench: Bench) -> None:
    mask = np.random.default_rng(5).integers(0, 256, (SIDE, SIDE), np.uint8)
    made = bench.make(mode="inpaint", source=photo(), mask=mask)
    (sent_back,) = [event for event in made.events if getattr(event, "kind", "") == "mask"]
    assert sent_back.file.path.read_bytes() == mask.tobytes()


def test_one_selected_pixel_is_regenerated(bench: Bench) -> None:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[33, 21] = 255
    result = bench.make(mode="inpaint", source=photo(), mask=mask).pixels()
    changed = (result != photo()).any(axis=2)
    assert changed[33, 21]
    assert changed.sum() == 1


def test_every_touched_latent_counts() -> None:
    mask = np.zeros((50, 50), np.uint8)
    mask[10, 0] = 255
    mask[49, 49] = 128
    cells = latent_mask(mask, Size(8, 8))[0, 0]
    assert cells.shape == (8, 8)
    assert cells[1, 0] == 1
    assert cells[7, 7] == pytest.approx(128 / 255)
    assert torch.count_nonzero(cells) == 2
