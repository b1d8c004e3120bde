"""Composites: exact outside, exact inside, rightly rounded between, in every depth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.imaging.strategies import DEPTHS, mask, picture

from pentimento.imaging import masks, pixels
from pentimento.imaging.masks import blend
from pentimento.schema.job import MaskOptions

seeds = st.integers(0, 999)
depths = st.sampled_from(DEPTHS)


@given(seeds, depths)
def test_pixels_outside_the_mask_are_the_sources_bits(seed: int, depth: type) -> None:
    source, values = picture(depth, seed), mask(seed)
    result = blend(source, picture(depth, seed + 1), values)
    assert result.dtype == source.dtype
    assert result[values == 0].tobytes() == source[values == 0].tobytes()


@given(seeds, depths)
def test_pixels_fully_inside_are_the_generated_ones(seed: int, depth: type) -> None:
    generated, values = picture(depth, seed + 1), mask(seed)
    result = blend(picture(depth, seed), generated, values)
    assert np.array_equal(result[values == 255], generated[values == 255])


@given(seeds, st.sampled_from((np.uint8, np.uint16)))
def test_blending_a_picture_with_itself_changes_nothing(seed: int, depth: type) -> None:
    source = picture(depth, seed)
    assert np.array_equal(blend(source, source, mask(seed)), source)


@given(seeds, st.sampled_from((np.uint8, np.uint16)))
def test_soft_values_of_opaque_pictures_are_the_rounded_mean(seed: int, depth: type) -> None:
    source, generated, values = picture(depth, seed), picture(depth, seed + 1), mask(seed)
    source[..., 3] = generated[..., 3] = np.iinfo(depth).max
    below, above, weight = (array.astype(object) for array in (source, generated, values))
    exact = (
        below * (255 - weight[..., None]) + above * weight[..., None]
    )  # whole numbers, times 255
    result = blend(source, generated, values).astype(object) * 255
    assert (abs(result - exact) * 2 <= 255).all()


def test_a_transparent_source_does_not_darken_the_result() -> None:
    source = np.zeros((1, 1, 4), np.uint8)
    generated = np.array([[[200, 100, 50, 255]]], np.uint8)
    result = blend(source, generated, np.array([[128]], np.uint8))
    assert result[0, 0].tolist() == [200, 100, 50, 128]


def test_float_generated_pictures_are_rounded_to_the_sources_depth() -> None:
    source = np.full((1, 2, 4), 255, np.uint8)
    generated = np.array([[[0.5, 0.2, 1.3, 1.0], [0, 0, 0, 1]]], np.float32)
    result = blend(source, generated, np.full((1, 2), 255, np.uint8))
    assert result[0, 0].tolist() == [128, 51, 255, 255]


@pytest.mark.parametrize("depth", [np.uint16, np.float32])
def test_a_feathered_fill_of_a_deep_gradient_has_no_steps_but_its_own(depth: type) -> None:
    """A fill that is darker than its gradient: from pixel to pixel the result changes as much as
    the gradient and the soft edge do, never by a level of an 8-bit mask or picture."""
    width, full = 1500, pixels.FULL[np.dtype(depth)]
    ramp = np.linspace(0.3, 0.5, width)
    source = pixels.to_depth(_as_rgba(ramp), depth)
    selected = np.where(np.arange(width)[None, :] > 750, 255, 0).astype(np.uint8)
    mask = masks.soft_mask(np.repeat(selected, 3, axis=0), MaskOptions(feather=500))
    result = blend(source, _as_rgba(ramp - 0.08), mask)
    steps = np.diff(result[1, :, 0].astype(np.float64)) / full
    edge = 0.08 * np.diff(mask[1].astype(np.float64)) / 255
    own = np.diff(source[1, :, 0].astype(np.float64)).max() / full
    rounding = 2 / 65_535  # two pixels of the source and two of the result, half a step each
    assert (mask[1] > 0).sum() > 1000
    assert np.abs(steps).max() <= own
    assert np.abs(steps - 0.2 / (width - 1) + edge).max() < rounding


def _as_rgba(row: np.ndarray) -> np.ndarray:
    values = np.ones((3, len(row), 4), np.float32)
    values[..., :3] = row[None, :, None]
    return values


def test_pictures_taller_than_a_band_are_whole() -> None:
    source, generated = picture(np.uint8, 1, 700, 5), picture(np.uint8, 2, 700, 5)
    values = np.full((700, 5), 255, np.uint8)
    assert np.array_equal(blend(source, generated, values), generated)


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="shapes differ"):
        blend(picture(np.uint8, 1), picture(np.uint8, 1, 5, 5), mask(1))
