"""What a model paints gets the grain of its surroundings, and no more of it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pentimento.imaging import grain

HEIGHT, WIDTH = 200, 320


def ramp() -> np.ndarray:
    """Dark to light, float32 0..1."""
    row = np.linspace(0.1, 0.9, WIDTH, dtype=np.float32)
    return np.repeat(np.tile(row, (HEIGHT, 1))[..., None], 3, axis=2)


def grainy(picture: np.ndarray, seed: int = 1) -> np.ndarray:
    """Stronger where it is light, and strongest in blue."""
    noise = np.random.default_rng(seed).standard_normal(picture.shape).astype(np.float32)
    return picture + noise * (0.01 + 0.03 * picture) * np.array([1, 1, 2], np.float32)


EVERYWHERE = np.ones((HEIGHT, WIDTH), bool)


def test_grain_is_measured_by_brightness_and_channel() -> None:
    found = grain.measure(grainy(ramp()), EVERYWHERE)
    assert found is not None
    dark, light = found.of(np.array([0.2, 0.8]))
    assert dark == pytest.approx([0.016, 0.016, 0.032], rel=0.15)
    assert light == pytest.approx([0.034, 0.034, 0.068], rel=0.15)


def test_edges_are_no_grain() -> None:
    drawn = ramp()
    for x in range(20, WIDTH, 40):
        cv2.line(drawn, (x, 0), (x, HEIGHT), (0.0, 0.0, 0.0), 3)
    found = grain.measure(drawn, EVERYWHERE)
    assert found is not None
    assert found.spread.max() < 0.003


def test_what_is_missing_is_added_and_measures_the_same() -> None:
    wanted, smooth = grain.measure(grainy(ramp()), EVERYWHERE), ramp()
    there = grain.measure(smooth, EVERYWHERE)
    assert wanted is not None
    assert there is not None
    missing = grain.Missing(wanted, there, 5)
    made = np.concatenate([missing.add(smooth[:70]), missing.add(smooth[70:])])
    found = grain.measure(made, EVERYWHERE)
    assert found is not None
    np.testing.assert_allclose(found.spread, wanted.spread, rtol=0.2, atol=0.002)
    assert missing.mean == pytest.approx(float(wanted.spread.mean()), rel=0.2)
    assert np.abs(made.mean() - smooth.mean()) < 1e-3
    again = grain.Missing(wanted, there, 5).add(smooth[:70])
    assert again.tobytes() == made[:70].tobytes()


def test_what_has_as_much_gets_nothing() -> None:
    wanted = there = grain.measure(grainy(ramp()), EVERYWHERE)
    assert wanted is not None
    assert there is not None
    made = grainy(ramp(), seed=2)
    assert (grain.Missing(wanted, there, 5).add(made) == made).all()


def test_too_few_places_say_nothing() -> None:
    few = np.zeros((HEIGHT, WIDTH), bool)
    few[:5, :5] = True
    assert grain.measure(ramp(), few) is None
