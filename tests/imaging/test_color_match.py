"""Colour casts are measured next to the mask and taken off, within bounds."""

from __future__ import annotations

import numpy as np
import pytest

from pentimento.imaging import colour

SIDE = 96


def photo(seed: int = 3) -> np.ndarray:
    """Soft random colours, `(SIDE, SIDE, 3)` float32 0.2..0.8."""
    random = np.random.default_rng(seed)
    coarse = random.uniform(0.2, 0.8, (6, 6, 3)).astype(np.float32)
    return np.kron(coarse, np.ones((16, 16, 1), np.float32))


def disc() -> np.ndarray:
    y, x = np.mgrid[:SIDE, :SIDE]
    return np.where((x - 48) ** 2 + (y - 48) ** 2 < 24**2, 255, 0).astype(np.uint8)


OPAQUE = np.ones((SIDE, SIDE), np.float32)


def test_a_cast_is_found_outside_and_taken_off_inside_the_mask() -> None:
    source, mask = photo(), disc()
    cast = np.clip(source * np.float32([0.9, 1.0, 1.05]) + np.float32([0.05, -0.04, 0.0]), 0, 1)
    correction = colour.measure(cast, source, colour.surroundings(mask, OPAQUE))
    assert correction is not None
    mended = correction.apply(cast)
    inside = mask > 0
    assert np.abs(cast - source)[inside].mean() > 0.02
    assert np.abs(mended - source)[inside].mean() < 0.002
    assert correction.after < 0.1 * correction.before


def test_surroundings_are_kept_opaque_and_near() -> None:
    mask, alpha = disc(), OPAQUE.copy()
    alpha[:48] = 0
    where = colour.surroundings(mask, alpha)
    assert where.any()
    assert not where[mask > 0].any()
    assert not where[:48].any()
    assert not where[-8:].any()  # 16 px away at least, and the band is 8 px wide


def test_lost_texture_is_no_loss_of_contrast() -> None:
    """An autoencoder takes grain off; its result must not be sharpened for that."""
    smooth = photo()
    grain = np.random.default_rng(1).normal(0, 0.1, smooth.shape).astype(np.float32)
    cast = smooth + np.float32([0.1, 0.1, 0.1])
    correction = colour.measure(cast, smooth + grain, colour.surroundings(disc(), OPAQUE))
    assert correction is not None
    assert np.abs(correction.gain - 1).max() < 0.05
    assert correction.offset == pytest.approx(-0.1, abs=0.02)


def test_equal_pictures_get_no_correction() -> None:
    source = photo()
    where = colour.surroundings(disc(), OPAQUE)
    assert colour.measure(source.copy(), source, where) is None


@pytest.mark.parametrize("mask", [np.full((SIDE, SIDE), 255, np.uint8)])
def test_without_surroundings_there_is_no_correction(mask: np.ndarray) -> None:
    where = colour.surroundings(mask, OPAQUE)
    assert colour.measure(photo(4), photo(5), where) is None


def test_a_wholly_different_picture_is_changed_within_bounds_only() -> None:
    source, generated = np.full((SIDE, SIDE, 3), 0.95, np.float32), photo() * 0.3
    where = colour.surroundings(disc(), OPAQUE)
    correction = colour.measure(generated, source, where)
    assert correction is not None
    low, high = colour.OFFSETS
    assert (correction.offset >= low).all()
    assert (correction.offset <= high).all()
    assert (correction.gain >= colour.GAINS[0]).all()


def test_drift_is_slow_and_goes_with_its_share() -> None:
    source = photo()
    returned = source + np.float32([0.03, -0.02, 0.01])
    measured = colour.measure_drift(source, returned)
    assert np.allclose(measured, np.float32([-0.03, 0.02, -0.01]), atol=1e-4)
    assert np.allclose(colour.undo_drift(returned, measured, 1.0), source, atol=1e-4)
    assert np.array_equal(colour.undo_drift(returned, measured, 0.0), returned.clip(0, 1))
    speckles = np.random.default_rng(1).normal(0, 0.05, source.shape).astype(np.float32)
    assert np.abs(colour.measure_drift(source, source + speckles)).max() < 0.02  # details stay
