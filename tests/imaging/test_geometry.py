"""Boxes: tables for the named cases, properties for all others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.imaging.strategies import boxes

from pentimento.core.geometry import Box, Size


def test_sizes_and_boxes_need_a_pixel() -> None:
    with pytest.raises(ValueError, match="at least 1 x 1"):
        Size(0, 5)
    with pytest.raises(ValueError, match="at least 1 x 1"):
        Box(0, 0, 5, -1)


@pytest.mark.parametrize(
    ("box", "bounds", "clamped"),
    [
        (Box(2, 3, 4, 5), Box(0, 0, 20, 20), Box(2, 3, 4, 5)),
        (Box(-7, 3, 4, 5), Box(0, 0, 20, 20), Box(0, 3, 4, 5)),
        (Box(18, 19, 4, 5), Box(0, 0, 20, 20), Box(16, 15, 4, 5)),
        (Box(-5, 2, 40, 5), Box(0, 0, 20, 20), Box(0, 2, 20, 5)),
        (Box(0, 0, 3, 3), Box(-9, -9, 2, 2), Box(-9, -9, 2, 2)),
    ],
)
def test_clamp_moves_before_it_cuts(box: Box, bounds: Box, clamped: Box) -> None:
    assert box.clamp(bounds) == clamped


@pytest.mark.parametrize(
    ("box", "factors", "scaled"),
    [
        (Box(1, 1, 2, 2), (2.0, 2.0), Box(2, 2, 4, 4)),
        (Box(1, 1, 2, 2), (0.5, 0.5), Box(0, 0, 2, 2)),
        (Box(-3, 0, 2, 2), (0.5, 1.0), Box(-2, 0, 2, 2)),
        (Box(4, 4, 1, 1), (0.25, 0.25), Box(1, 1, 1, 1)),
    ],
)
def test_scaled_covers_what_it_covered(box: Box, factors: tuple[float, float], scaled: Box) -> None:
    assert box.scaled(*factors) == scaled


@given(boxes, boxes)
def test_intersection_and_union_hold_what_they_should(one: Box, other: Box) -> None:
    assert one.union(other).contains(one)
    assert one.union(other).contains(other)
    common = one.intersect(other)
    assert (common is None) == (
        one.right <= other.x
        or other.right <= one.x
        or one.bottom <= other.y
        or other.bottom <= one.y
    )
    assert common is None or (one.contains(common) and other.contains(common))


@given(boxes, boxes)
def test_clamped_box_is_inside_and_as_large_as_fits(box: Box, bounds: Box) -> None:
    clamped = box.clamp(bounds)
    assert bounds.contains(clamped)
    assert clamped.size == Size(min(box.width, bounds.width), min(box.height, bounds.height))


@given(boxes, boxes)
def test_inner_coordinates_come_back(box: Box, outer: Box) -> None:
    assert box.to_inner(outer).to_outer(outer) == box
    assert outer.to_inner(outer) == Box(0, 0, outer.width, outer.height)


@given(boxes, st.integers(0, 500))
def test_padding_is_undone_by_its_negative(box: Box, amount: int) -> None:
    assert box.pad(amount).contains(box)
    assert box.pad(amount).pad(-amount) == box
