"""Pictures brought to a size, and their edges."""

from __future__ import annotations

import numpy as np
import pytest

from pentimento.core.geometry import Size
from pentimento.imaging.control_maps import canny
from pentimento.imaging.resize import fit


def columns(width: int, height: int, dtype: type = np.uint8) -> np.ndarray:
    """Every column has its own value."""
    row = np.arange(width, dtype=dtype) * 3
    return np.repeat(np.repeat(row[None, :, None], height, 0), 4, 2)


@pytest.mark.parametrize("way", ["stretch", "crop", "pad"])
@pytest.mark.parametrize("size", [Size(8, 8), Size(40, 7), Size(3, 50), Size(24, 12)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_the_size_is_reached_in_the_same_depth(way, size, dtype):
    made = fit(columns(24, 12, dtype), size, way)
    assert made.shape == (size.height, size.width, 4)
    assert made.dtype == dtype


def test_a_picture_of_the_size_is_itself():
    picture = columns(24, 12)
    assert fit(picture, Size(24, 12), "crop") is picture


def test_crop_keeps_the_middle_and_pad_continues_the_border():
    picture = columns(24, 12)
    assert np.array_equal(fit(picture, Size(12, 12), "crop"), picture[:, 6:18])
    padded = fit(picture, Size(24, 20), "pad")
    assert np.array_equal(padded[4:16], picture)
    assert np.array_equal(padded[0], picture[0])
    assert np.array_equal(padded[-1], picture[-1])


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_an_edge_is_found_where_it_is(channels):
    picture = np.zeros((16, 16, channels), np.uint8)
    picture[:, 8:] = 200
    found = canny(picture)
    assert found.shape == (16, 16)
    assert set(np.flatnonzero(found.any(axis=0))) <= {7, 8}
    assert found.any()
    assert not canny(picture, 2000, 3000).any()
