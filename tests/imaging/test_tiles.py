"""Tiles add up to one picture: every pixel counts for one, and nothing shows where they meet."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.imaging.strategies import TINY

from pentimento.core.geometry import Size
from pentimento.imaging.sizing import own_size
from pentimento.imaging.tiles import Mosaic, weights

sides = st.integers(64, 700)


@settings(max_examples=40)
@given(sides, sides)
def test_the_weights_of_all_tiles_are_one_everywhere(width: int, height: int) -> None:
    work = own_size(Size(width, height), TINY)
    total = np.zeros((work.size.height, work.size.width))
    for box, weight in zip(work.tiles, weights(work.tiles, work.size), strict=True):
        assert weight.shape == (box.height, box.width)
        assert weight.min() > 0
        total[box.y : box.bottom, box.x : box.right] += weight
    np.testing.assert_allclose(total, 1, atol=1e-5)


@settings(max_examples=20)
@given(sides, sides)
def test_tiles_cut_from_a_picture_give_the_picture(width: int, height: int) -> None:
    work = own_size(Size(width, height), TINY)
    picture = np.random.default_rng(0).random((work.size.height, work.size.width, 3), np.float32)
    mosaic = Mosaic(work.tiles, work.size)
    for number, box in enumerate(work.tiles):
        mosaic.add(number, picture[box.y : box.bottom, box.x : box.right])
    np.testing.assert_allclose(mosaic.picture, picture, atol=1e-5)


def test_tiles_that_disagree_fade_into_each_other() -> None:
    """Each one a colour of its own: from one to the next there is no step."""
    work = own_size(Size(1000, 128), TINY)
    mosaic = Mosaic(work.tiles, work.size, channels=1)
    for number, box in enumerate(work.tiles):
        mosaic.add(number, np.full((box.height, box.width, 1), number % 2, np.float32))
    assert mosaic.picture.min() >= 0
    assert mosaic.picture.max() <= 1 + 1e-6
    overlap = min(
        first.right - second.x for first, second in zip(work.tiles, work.tiles[1:], strict=False)
    )
    steepest = np.abs(np.diff(mosaic.picture[0, :, 0])).max()
    assert steepest < 4 / overlap
