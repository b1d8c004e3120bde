"""Pictures beyond what a model sees at one time are refined tile by tile, without an edge."""

from __future__ import annotations

import weakref
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from tests.engine.bench import Bench, Outcome, photo
from torch import Tensor, nn
from torch.nn import functional

from pentimento.core.errors import Cancelled
from pentimento.core.geometry import Box, Work
from pentimento.engine.cancel import StopFlag
from pentimento.engine.job import autoencoding, generate
from pentimento.engine.job.denoise import denoise
from pentimento.engine.sampling import tiling
from pentimento.engine.sampling.surroundings import Surroundings
from pentimento.engine.sampling.tiling import Tile
from pentimento.imaging import colour
from pentimento.imaging.canvas import Canvas
from pentimento.schema.task import Event, Step

WIDTH, HEIGHT = 320, 256
SMALL, LARGE = 128 * 128, 10**7  # px that are seen as a whole
UNETS = ("starter", "sd15", "sdxl")


@pytest.fixture
def painted(monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """The latents of every picture that is made."""
    found: list[Tensor] = []
    paint = denoise

    def keep(*positional: Any, **named: Any) -> Tensor:
        found.append(paint(*positional, **named))
        return found[-1]

    monkeypatch.setattr(generate, "denoise", keep)
    return found


def refine(bench: Bench, model: str, whole: int, **wanted: Any) -> Outcome:
    asked = {"mode": "img2img", "source": scene(), "strength": 0.4, "steps": 4} | wanted
    job = bench.job(model, **asked)
    assert job.model is not None
    return bench.run(replace(job, model=replace(job.model, whole_pixels=whole)))


def scene() -> np.ndarray:
    """`(h, w, 4)` u8, opaque: soft colours and some shapes."""
    picture = photo(WIDTH, HEIGHT)
    picture[..., 3] = 255
    for number, shade in enumerate(((200, 40, 40, 255), (40, 160, 60, 255), (50, 60, 190, 255))):
        place = (60 + 100 * number, 90 + 40 * number)
        cv2.circle(picture, place, 35, shade, -1, cv2.LINE_AA)
    return picture


@pytest.mark.parametrize("model", ["sd15", "sdxl"])
def test_tiles_give_what_the_whole_gives(
    bench: Bench, painted: list[Tensor], model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But for what a network knows of all of a picture at once, its attention and its norms."""
    monkeypatch.setattr(Surroundings, "shared", nullcontext)
    monkeypatch.setattr(functional, "scaled_dot_product_attention", lambda query, *_, **__: query)
    monkeypatch.setattr(nn.GroupNorm, "forward", lambda _, values: values / 2)
    whole, tiled = (refine(bench, model, size, strength=0.2) for size in (LARGE, SMALL))
    assert whole.images[0].facts["tiles"] == 1
    assert tiled.images[0].facts["tiles"] == 12
    assert 0 < apart(painted) < 0.02


@pytest.mark.parametrize("model", UNETS)
def test_networks_that_see_all_at_once_give_much_the_same(
    bench: Bench, painted: list[Tensor], model: str
) -> None:
    for size in (LARGE, SMALL):
        refine(bench, model, size, strength=0.2, guidance=1.0)
    assert 0 < apart(painted) < 0.15


def apart(painted: list[Tensor]) -> float:
    first, second = painted
    return float(torch.linalg.vector_norm(second - first) / torch.linalg.vector_norm(first))


@pytest.mark.parametrize("sampler", ["Euler", "Heun"])
def test_one_tile_is_the_whole(
    bench: Bench, painted: list[Tensor], monkeypatch: pytest.MonkeyPatch, sampler: str
) -> None:
    refine(bench, "starter", LARGE, sampler=sampler)
    monkeypatch.setattr(tiling, "of", one_view)
    refine(bench, "starter", LARGE, sampler=sampler)
    assert torch.equal(*painted)


def one_view(work: Work, factor: int, _mask: Tensor | None) -> list[Tile]:
    box = Box(0, 0, work.size.width // factor, work.size.height // factor)
    return [Tile(box, torch.ones(box.height, box.width))]


@pytest.mark.parametrize("model", UNETS)
def test_no_edge_shows_where_tiles_meet(bench: Bench, model: str) -> None:
    """The change from one pixel to the next is no larger where a tile ends than elsewhere."""
    whole, tiled = (refine(bench, model, size).pixels().astype(int) for size in (LARGE, SMALL))
    extra = np.abs(np.diff(tiled - whole, axis=1)).mean((0, 2))
    edges = [64, 128, 192, 256]
    assert extra[[edge - 1 for edge in edges]].mean() < 1.5 * extra.mean() + 0.1


FLOWS = ("sd3", "flux", "z-image", "flux2-klein")


@pytest.mark.parametrize("model", FLOWS)
def test_transformers_paint_tile_by_tile_from_one_noise(
    bench: Bench, painted: list[Tensor], model: str
) -> None:
    """As they do all at once, and where tiles meet nothing shows."""
    asked = {"strength": 0.3, "steps": 5, "preview": True, "guidance": 1.0}
    whole = refine(bench, model, LARGE, **asked)
    assert whole.images[0].facts["tiles"] == 1
    tiled = refine(bench, model, SMALL, **asked)
    tiles = tiled.images[0].facts["tiles"]
    assert tiles == len(painted) - 1 == 12
    steps = len(whole.steps)
    assert [(step.step, step.steps) for step in tiled.steps] == [
        (step, tiles * steps) for step in range(1, tiles * steps + 1)
    ]
    assert len(tiled.previews) == tiles
    pictures = [made.pixels()[..., :3].astype(float) for made in (whole, tiled)]
    noise = refine(bench, model, LARGE, **asked, seed=8).pixels()[..., :3].astype(float)
    apart = np.abs(pictures[0] - pictures[1])
    assert apart.mean() < np.abs(pictures[0] - noise).mean() / 2
    extra = np.abs(np.diff(pictures[1] - pictures[0], axis=1)).mean((0, 2))
    assert extra[[63, 127, 191, 255]].mean() < 1.5 * extra.mean() + 0.1


@pytest.mark.parametrize("model", ["flux", "flux-fill"])
def test_tiles_without_a_selected_pixel_are_not_painted(
    bench: Bench, painted: list[Tensor], model: str
) -> None:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[10:40, 10:40] = 255
    made = refine(bench, model, SMALL, mode="inpaint", mask=mask).pixels()
    assert len(painted) == 1
    assert (made[mask == 0] == scene()[mask == 0]).all()
    assert (made[mask == 255] != scene()[mask == 255]).any()


def test_all_that_steers_is_cut_to_the_tile(bench: Bench) -> None:
    """A ControlNet, a prompt of an area, a mask: in tiles the picture is much the same."""
    drawing = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    drawing[..., 3] = 255
    cv2.circle(drawing, (WIDTH // 2, HEIGHT // 2), 100, (255,) * 4, 3)
    right = np.zeros((HEIGHT, WIDTH), np.uint8)
    right[:, WIDTH // 2 :] = 255

    def steered(whole: int, prompt: str = "a tree", weight: float = 1.0) -> np.ndarray:
        control = {"type": "canny", "image": drawing, "model": "canny", "weight": weight}
        region = {"mask": right, "prompt": prompt}
        asked = {"controls": [control], "regions": [region], "mode": "inpaint", "mask": right}
        made = refine(bench, "starter", whole, strength=0.8, **asked).pixels()
        assert made[:, : WIDTH // 2].tobytes() == scene()[:, : WIDTH // 2].tobytes()
        return made.astype(int)

    made = [steered(SMALL), steered(SMALL, prompt="a red ball"), steered(SMALL, weight=0.0)]
    assert all(np.abs(made[0] - other).mean() > 1 for other in made[1:])
    assert np.abs(made[0] - steered(LARGE)).mean() < 12


def test_a_job_tells_its_tiles_and_stops_after_one(bench: Bench) -> None:
    stop, shares = StopFlag(), []

    def stop_at_the_third(event: Event) -> None:
        if isinstance(event, Step):
            shares.append(event.step + event.share)
            if len(shares) == 3:
                stop.set()

    job = bench.job("starter", mode="img2img", source=scene(), strength=0.5, steps=4)
    assert job.model is not None
    job = replace(job, model=replace(job.model, whole_pixels=SMALL))
    with pytest.raises(Cancelled):
        bench.run(job, on_event=stop_at_the_third, stop=stop)
    # In the first step tiles are seen twice.
    assert shares == pytest.approx([1 / 24, 2 / 24, 3 / 24])


def test_a_picture_of_odd_sides_keeps_its_size_and_every_pixel_its_place(bench: Bench) -> None:
    source = np.ascontiguousarray(scene()[:251, :313])
    made = refine(bench, "starter", LARGE, source=source, strength=0.02)
    assert made.images[0].facts["generation"] == {"width": 313, "height": 251}
    result, wanted = (
        cv2.GaussianBlur(picture[..., :3].astype(np.float32), (0, 0), 3)
        for picture in (made.pixels(), source)
    )
    assert result.shape == wanted.shape
    shift, _ = cv2.phaseCorrelate(result.mean(-1), wanted.mean(-1))
    assert np.abs(shift).max() < 0.1


def test_what_the_source_looks_like_is_gone_when_its_return_is_kept(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a large picture both together would be the most that a job holds."""
    seen: list[weakref.ref[np.ndarray]] = []
    left: list[int] = []
    look, undo = Canvas.seen, colour.undo_drift

    def looked(canvas: Canvas) -> np.ndarray | None:
        picture = look(canvas)
        assert picture is not None
        seen.append(weakref.ref(picture))
        return picture

    def undone(*positional: Any) -> np.ndarray:
        left.append(sum(one() is not None for one in seen))
        return undo(*positional)

    monkeypatch.setattr(Canvas, "seen", looked)
    monkeypatch.setattr(colour, "undo_drift", undone)
    monkeypatch.setattr(autoencoding, "LARGE", 1)
    refine(bench, "starter", SMALL)
    assert len(seen) >= 2, "it is encoded, and compared with its return"
    assert left == [0, 0]
