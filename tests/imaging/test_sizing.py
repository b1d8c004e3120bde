"""Generation sizes and context boxes for all models and all shapes."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import example, given
from tests.imaging.strategies import MODELS, Limits, boxes, limits, sizes

from pentimento.core.geometry import Box, Size, Work, cover
from pentimento.imaging.context_box import context_box
from pentimento.imaging.sizing import generation_size, own_size


@pytest.mark.parametrize(
    ("model", "size", "generation"),
    [
        ("starter", (256, 256), (256, 256)),
        ("starter", (1, 1), (256, 256)),
        ("starter", (250, 250), (256, 256)),
        ("starter", (640, 480), (640, 480)),
        ("starter", (1024, 1024), (864, 864)),
        ("starter", (1920, 1080), (1152, 672)),
        ("starter", (4000, 3000), (1024, 768)),
        ("starter", (10_000, 10), (6144, 128)),
        ("sd15", (512, 512), (512, 512)),
        ("sd15", (100, 100), (512, 512)),
        ("sdxl", (1024, 1024), (1024, 1024)),
        ("sdxl", (512, 512), (1024, 1024)),
        ("tiny", (64, 64), (64, 64)),
    ],
)
def test_generation_size_of_known_cases(
    model: str, size: tuple[int, int], generation: tuple[int, int]
) -> None:
    assert generation_size(Size(*size), MODELS[model]) == Size(*generation)


@given(sizes, limits)
def test_generation_size_is_one_the_model_takes(size: Size, model: Limits) -> None:
    generation = generation_size(size, model)
    assert generation.width % model.multiple == generation.height % model.multiple == 0
    assert generation.shortest >= model.min_size
    assert generation.pixels <= model.max_pixels


@given(sizes, limits)
def test_generation_size_keeps_the_aspect(size: Size, model: Limits) -> None:
    generation = generation_size(size, model)
    thinnest = model.min_size**2 / model.max_pixels
    if min(size.aspect, 1 / size.aspect) > 2 * thinnest:
        # half a multiple on each side, of the shorter side at most
        tolerance = math.log(1 + model.multiple / generation.shortest)
        assert abs(math.log(generation.aspect / size.aspect)) <= tolerance


@given(sizes, limits)
def test_generation_is_near_the_native_area_or_the_pictures_own(size: Size, model: Limits) -> None:
    generation = generation_size(size, model)
    assert generation.pixels >= 0.7 * min(model.native_size**2, model.max_pixels)
    thin_side = model.native_size * min(size.aspect, 1 / size.aspect) ** 0.5
    if thin_side >= model.min_size:
        assert generation.pixels <= 1.5 * max(size.pixels, model.native_size**2)


@given(sizes, limits)
@example(Size(491, 502), Limits(512, 16, 256, 589_824))  # rounds to less than is kept
def test_a_generation_size_stays(size: Size, model: Limits) -> None:
    generation = generation_size(size, model)
    assert generation_size(generation, model) == generation


@pytest.mark.parametrize(
    ("model", "size", "work"),
    [
        ("large", (640, 427), Work(Size(640, 448), Size(640, 427), Size(640, 448), 1)),
        ("large", (100, 60), Work.whole(Size(160, 96))),
        ("large", (1920, 1080), Work(Size(1920, 1088), Size(1920, 1080), Size(512, 512), 64)),
        ("large", (4000, 100), Work(Size(4032, 128), Size(4000, 100), Size(512, 128), 64)),
        ("large", (4000, 20), Work.whole(Size(576, 64))),
        ("sdxl", (1200, 1200), Work(Size(1200, 1200), Size(1200, 1200), Size(1200, 1200), 1)),
        ("sdxl", (6000, 4000), Work(Size(6016, 4032), Size(6000, 4000), Size(1344, 1344), 64)),
    ],
)
def test_refining_keeps_the_pictures_own_size(
    model: str, size: tuple[int, int], work: Work
) -> None:
    assert own_size(Size(*size), MODELS[model]) == work


@given(sizes, limits)
def test_a_refined_picture_is_scaled_only_where_it_is_too_small(size: Size, model: Limits) -> None:
    work = own_size(size, model)
    assert work.size.width % model.multiple == work.size.height % model.multiple == 0
    assert work.tile.pixels <= max(model.whole_pixels, model.max_pixels, 4 * work.step**2)
    assert work.tile.shortest >= min(model.min_size, work.size.shortest)
    if work.content == work.size:
        return
    assert work.content == size
    assert Box(0, 0, work.size.width, work.size.height).contains(Box(0, 0, size.width, size.height))
    if work.tiled and size.shortest >= 2 * model.native_size:
        assert work.tile.shortest >= model.native_size


@given(sizes, limits)
def test_tiles_cover_every_pixel_and_share_a_part_with_their_neighbours(
    size: Size, model: Limits
) -> None:
    work = own_size(size, model)
    inside = Box(0, 0, work.size.width, work.size.height)
    assert all(inside.contains(box) and box.size == work.tile for box in work.tiles)
    assert all(box.x % work.step == box.y % work.step == 0 for box in work.tiles)
    columns, rows = {box.x for box in work.tiles}, {box.y for box in work.tiles}
    assert len(work.tiles) == len(columns) * len(rows)
    for starts, side, length in (
        (sorted(columns), work.tile.width, work.size.width),
        (sorted(rows), work.tile.height, work.size.height),
    ):
        assert (starts[0], starts[-1] + side) == (0, length)
        strides = [after - before for before, after in itertools.pairwise(starts)]
        assert all(0 < stride <= max(side * 3 // 4, work.step) for stride in strides)
    assert len(set(work.tiles)) == len(work.tiles)


def test_as_few_tiles_as_will_do() -> None:
    assert cover(Size(512, 512), Size(512, 512), 64) == [Box(0, 0, 512, 512)]
    assert cover(Size(896, 512), Size(512, 512), 64) == [
        Box(0, 0, 512, 512),
        Box(384, 0, 512, 512),
    ]
    assert len(cover(Size(1920, 1088), Size(512, 512), 64)) == 5 * 3


@pytest.mark.parametrize(
    ("selection", "box"),
    [
        (Box(900, 500, 1, 1), Box(836, 436, 128, 128)),
        (Box(10, 10, 1, 1), Box(0, 0, 128, 128)),
        (Box(100, 100, 300, 200), Box(26, 24, 448, 352)),
        (Box(0, 0, 1920, 1080), Box(0, 0, 1920, 1080)),
        (Box(1900, 1000, 500, 500), Box(1792, 920, 128, 160)),
    ],
)
def test_context_box_of_known_cases(selection: Box, box: Box) -> None:
    assert context_box(selection, Box(0, 0, 1920, 1080), MODELS["starter"]) == box


@given(boxes, boxes, limits)
def test_context_box_holds_the_selection_and_stays_inside(
    selection: Box, bounds: Box, model: Limits
) -> None:
    inside = selection.intersect(bounds)
    if inside is None:
        with pytest.raises(ValueError, match="outside"):
            context_box(selection, bounds, model)
        return
    box = context_box(selection, bounds, model)
    assert bounds.contains(box)
    assert box.contains(inside)
    least = Size(
        min(model.native_size // 2, bounds.width), min(model.native_size // 2, bounds.height)
    )
    assert box.width >= least.width
    assert box.height >= least.height


@given(boxes, limits)
def test_context_box_without_borders_gives_context_all_round(selection: Box, model: Limits) -> None:
    box = context_box(selection, selection.pad(10_000), model)
    least = model.native_size // 8
    assert selection.x - box.x >= least - 1
    assert selection.y - box.y >= least - 1
    assert box.right - selection.right >= least - 1
    assert box.bottom - selection.bottom >= least - 1
    assert box.width % model.multiple == box.height % model.multiple == 0
    assert box.size.shortest >= box.size.longest // 2 - model.multiple
