"""Masks: what the options change, how far they reach, and what they leave alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.imaging.strategies import mask

from pentimento.core.geometry import Box
from pentimento.imaging import masks
from pentimento.schema.job import MaskOptions

SQUARE = Box(30, 20, 24, 18)


def square(value: int = 255) -> np.ndarray:
    values = np.zeros((70, 90), np.uint8)
    values[SQUARE.y : SQUARE.bottom, SQUARE.x : SQUARE.right] = value
    return values


@given(st.integers(0, 999))
def test_without_options_the_mask_is_as_sent(seed: int) -> None:
    values = mask(seed)
    assert np.array_equal(masks.effective_mask(values, MaskOptions()), values)


@pytest.mark.parametrize("amount", [1, 7, 16, 29])
def test_grow_moves_each_border_by_its_px(amount: int) -> None:
    grown = masks.effective_mask(square(), MaskOptions(grow=amount))
    assert masks.bounds(grown) == SQUARE.pad(amount).intersect(Box(0, 0, 90, 70))
    assert set(np.unique(grown)) == {0, 255}


@pytest.mark.parametrize("value", [255, 90])
def test_negative_grow_shrinks_and_keeps_soft_values(value: int) -> None:
    shrunk = masks.effective_mask(square(value), MaskOptions(grow=-5))
    assert masks.bounds(shrunk) == SQUARE.pad(-5)
    assert set(np.unique(shrunk)) == {0, value}


def test_feather_is_soft_inward_and_outward() -> None:
    soft = masks.effective_mask(square(), MaskOptions(feather=8))
    row = soft[SQUARE.y + 9, :].astype(int)
    assert 0 < row[SQUARE.x - 1] < 128 < row[SQUARE.x] < 255
    assert row[SQUARE.x + 12] == 255
    assert (np.diff(row[: SQUARE.x + 12]) >= 0).all()


@given(st.integers(0, 999), st.integers(1, 9))
@settings(max_examples=40)
def test_whole_numbers_promise_exact_pixels_only_where_the_mask_is_exact(
    seed: int, feather: int
) -> None:
    soft = masks.soft_mask(mask(seed), MaskOptions(feather=feather))
    whole = masks.rounded(soft)
    assert np.array_equal(whole == 0, soft == 0)
    assert np.array_equal(whole == 255, soft == 255)
    assert np.abs(whole - soft).max() < 1


def test_feather_does_not_fade_at_the_border_of_the_picture() -> None:
    values = np.zeros((40, 40), np.uint8)
    values[:, :20] = 255
    soft = masks.effective_mask(values, MaskOptions(feather=10))
    assert (soft[:, 0] == 255).all()


@given(st.integers(0, 999), st.integers(1, 20))
@settings(max_examples=40)
def test_blend_only_adds_outside(seed: int, width: int) -> None:
    values = mask(seed)
    assert (masks.effective_mask(values, MaskOptions(blend=width)) >= values).all()


@given(st.integers(-6, 9), st.integers(0, 9), st.integers(0, 9))
@settings(max_examples=60)
def test_beyond_its_reach_the_mask_stays_zero(grow: int, feather: int, blend: int) -> None:
    options = MaskOptions(grow=grow, feather=feather, blend=blend)
    found = masks.bounds(masks.effective_mask(square(), options))
    assert found is not None
    assert SQUARE.pad(masks.reach(options)).contains(found)


def test_bounds_of_nothing_and_of_one_pixel() -> None:
    values = np.zeros((5, 7), np.uint8)
    assert masks.bounds(values) is None
    values[4, 6] = 1
    assert masks.bounds(values) == Box(6, 4, 1, 1)
