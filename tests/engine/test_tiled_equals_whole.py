"""What is refined in tiles is what is refined at once: where the difference comes from, and how
much of it is left."""

from __future__ import annotations

from contextlib import nullcontext

import cv2
import numpy as np
import pytest
import torch
from tests.engine.bench import Bench
from tests.engine.test_tiles import LARGE, apart, painted, refine, scene
from torch import Tensor, nn

from pentimento.core.geometry import Box, Size, Work
from pentimento.engine.cancel import StopFlag
from pentimento.engine.loading.model import LoadedModel
from pentimento.engine.sampling import latents
from pentimento.engine.sampling.surroundings import MOST, Cells, Moments, Surroundings, TilePlace
from pentimento.imaging.pixels import to_float

__all__ = ["painted"]  # the fixture
PART = 256 * 256  # px that a model sees at one time; of a picture twice that size


def picture() -> np.ndarray:
    return cv2.resize(scene(), (448, 320), interpolation=cv2.INTER_AREA)


def test_the_latents_are_those_of_the_whole(bench: Bench, painted: list[Tensor]) -> None:
    """At a strength that refines, with as many steps as a person would take."""
    for size in (LARGE, PART):
        refine(bench, "starter", size, strength=0.2, steps=30, source=picture())
    assert 0 < apart(painted) < 0.02


@pytest.mark.parametrize("model", ["sd15", "sdxl"])
def test_networks_of_random_weights_come_near(
    bench: Bench, painted: list[Tensor], model: str
) -> None:
    """To them a border far away matters as much as what is near, and tiles have borders."""
    for size in (LARGE, PART):
        refine(bench, model, size, strength=0.2, steps=20, source=picture(), guidance=1.0)
    assert 0 < apart(painted) < 0.06


def test_the_rest_is_what_attention_and_norms_know_of_the_picture(
    bench: Bench, painted: list[Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without what tiles leave for one another they differ by far more."""

    asked = {"strength": 0.2, "steps": 30, "source": picture()}
    refine(bench, "starter", LARGE, **asked)
    refine(bench, "starter", PART, **asked)
    monkeypatch.setattr(Surroundings, "shared", nullcontext)
    refine(bench, "starter", PART, **asked)
    whole, knowing, blind = painted
    assert apart([whole, knowing]) < apart([whole, blind]) / 2


def test_autoencoders_give_the_same_in_tiles(bench: Bench) -> None:
    job = bench.job("starter", mode="img2img", source=scene())
    assert job.model is not None
    shared = bench.worker._shared
    model = LoadedModel(shared, job.model, lambda _: None, StopFlag(), job.extras)
    model.read()
    seen = to_float(scene())[..., :3]
    size = Size(seen.shape[1], seen.shape[0])
    tiled = Work(size, size, Size(128, 128), 64)
    whole, parts = (latents.encode(model.vae(), seen, work) for work in (None, tiled))
    assert apart([whole, parts]) < 0.002
    back = [latents.decode(model.vae(), whole, work) for work in (None, tiled)]
    assert np.abs(back[0] - back[1]).mean() < 0.002


def test_moments_of_tiles_are_those_of_the_whole() -> None:
    """Each place counts once, also where tiles overlap; a tile that was measured under other noise
    is taken to have changed as the others did."""
    values = torch.randn(1, 2, 8, 12, generator=torch.Generator().manual_seed(1)) * 3 + 5
    boxes = [Box(0, 0, 8, 8), Box(4, 0, 8, 8)]
    weight = torch.ones(8, 8)
    weight[:, 4:] = 0.5
    weights = [weight, weight.flip(1)]
    moments, found = Moments(), (torch.zeros(1), torch.zeros(1))
    for turn, scale in enumerate((1.0, 2.0)):
        for box, counted in zip(boxes, weights, strict=True):
            tile = values[..., box.x : box.right] * scale
            area = counted.sum() * 2
            mean = (tile * counted).sum((1, 2, 3)) / area
            square = (tile.square() * counted).sum((1, 2, 3)) / area
            found = moments.with_tile(box, area, mean[:, None], square[:, None], turn)
            if turn and box == boxes[0]:  # the other one is still to come
                assert float(found[1]) == pytest.approx(
                    float((values * 2).square().mean()), rel=0.1
                )
        assert float(found[0]) == pytest.approx(float((values * scale).mean()), rel=1e-5)
        assert float(found[1]) == pytest.approx(float((values * scale).square().mean()), rel=1e-5)


def test_what_tiles_leave_behind_lies_in_few_tensors() -> None:
    """One for each tile would lie between what comes and goes with it, and memory would grow with
    every tile."""
    moments, rng = Moments(), torch.Generator().manual_seed(1)
    seen: list[tuple[Tensor, Tensor]] = []
    for number in range(40):
        seen.append((torch.rand(1, 2, generator=rng), torch.rand(1, 2, generator=rng) + 1))
        found = moments.with_tile(Box(number, 0, 8, 8), torch.tensor(4.0), *seen[-1], 0)
    for place in (0, 1):
        mean = torch.stack([one[place] for one in seen]).mean(0)
        torch.testing.assert_close(found[place], mean)
    kept = [value for value in vars(moments).values() if isinstance(value, Tensor)]
    assert len(kept) == 6
    assert sum(value.numel() for value in kept) < 2 * 40 * 6 + 4


def test_what_is_kept_of_a_picture_is_bounded_by_its_tile() -> None:
    """However large it is, and a small one is kept as it is."""
    kept = []
    for side in (16, 24, 256, 1024):
        tile = TilePlace(Box(0, 0, 16, 16), Size(side, side), torch.ones(16, 16))
        states = torch.randn(2, 256, 3)
        cells = Cells(tile, states)
        cells.keep(tile, states)
        assert cells.read(tile, states).shape == (2, 256, 3)  # it alone is known
        kept.append(cells._cells.shape[1] * cells._cells.shape[2])
    assert kept[:2] == [16 * 16, 24 * 24]
    assert max(kept) <= MOST * 256 * 1.2


def test_a_tile_reads_others_where_they_count_more() -> None:
    whole = Size(24, 8)
    rising = torch.linspace(0.1, 0.9, 16).repeat(8, 1)
    places = [
        TilePlace(Box(0, 0, 16, 8), whole, rising.flip(1)),
        TilePlace(Box(8, 0, 16, 8), whole, rising),
    ]
    states = [torch.full((1, 128, 1), float(number)) for number in (1, 2)]
    cells = Cells(places[0], states[0])
    for place, state in zip(places, states, strict=True):
        cells.keep(place, state)
    read = cells.read(places[0], states[0])
    assert read.shape == (1, 24 * 8, 1)
    rows = read.view(8, 24)
    assert (rows[:, :8] == 1).all()
    assert (rows[:, 16:] == 2).all()
    assert (rows[:, 8:12] == 1).all()
    assert (rows[:, 12:16] == 2).all()


def test_networks_are_left_as_they_were() -> None:
    network = nn.Sequential(nn.Conv2d(2, 4, 1), nn.GroupNorm(2, 4))
    with Surroundings([network], 1).shared():
        assert "forward" in vars(network[1])
    assert "forward" not in vars(network[1])
