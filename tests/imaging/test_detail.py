"""What an autoencoder loses comes back where a picture still is there, and nowhere else."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pentimento.imaging import detail


def scene(height: int = 96, width: int = 128, seed: int = 0) -> np.ndarray:
    """Soft colours with fine grain, `(h, w, 3)` float32 0..1."""
    rng = np.random.default_rng(seed)
    soft = cv2.resize(rng.random((6, 8, 3), np.float32), (width, height)) * 0.6 + 0.2
    return np.clip(soft + rng.normal(0, 0.04, soft.shape), 0, 1).astype(np.float32)


def rows_of(picture: np.ndarray) -> detail.Source:
    return lambda top, bottom: picture[top:bottom]


def smoothed(picture: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(picture, (0, 0), 1.5)


def test_at_strength_0_the_source_comes_back() -> None:
    source = scene()
    made = smoothed(source)
    assert detail.give_back(made, rows_of(source), smoothed(source), 0.0) == pytest.approx(1)
    np.testing.assert_allclose(made, source, atol=1e-6)


def test_at_strength_1_nothing_does() -> None:
    source = scene()
    made = smoothed(source)
    before = made.copy()
    assert detail.give_back(made, rows_of(source), smoothed(source), 1.0) == 0
    assert made.tobytes() == before.tobytes()


@settings(max_examples=20, deadline=None)
@given(st.floats(0.2, 0.9), st.integers(0, 5))
def test_where_something_else_was_painted_no_detail_shines_through(
    strength: float, seed: int
) -> None:
    source = scene(seed=seed)
    made = smoothed(source)
    made[:, :64] = smoothed(1 - source)[:, :64] * 0.3 + (source[:, :64].mean() > 0.5) * 0.05
    before = made.copy()
    detail.give_back(made, rows_of(source), smoothed(source), strength)
    added = np.abs(made - before).mean((0, 2))
    changed = np.abs(smoothed(before - smoothed(source))).max(2) > detail.TOLERANCE * 1.2
    assert not (np.abs(made - before).max(2) > 0)[changed].any()
    assert added[100:].mean() > 0


def test_bands_give_what_the_whole_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    source = scene(height=300)
    other = np.clip(smoothed(source) + scene(height=300, seed=1) * 0.1 - 0.05, 0, 1)
    whole, banded = other.copy(), other.copy()
    detail.give_back(whole, rows_of(source), smoothed(source), 0.3)
    monkeypatch.setattr(detail, "BAND", 64)
    detail.give_back(banded, rows_of(source), smoothed(source), 0.3)
    np.testing.assert_allclose(banded, whole, atol=1e-6)
