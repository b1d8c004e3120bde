"""A hole that is filled by copying what lies around it."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pentimento.imaging import exemplar, prefill

HEIGHT, WIDTH = 96, 128


def stripes(period: int = 12) -> np.ndarray:
    """Upright, as hard as stripes are."""
    row = ((np.arange(WIDTH) // (period // 2)) % 2).astype(np.float32) * 0.6 + 0.2
    return np.repeat(np.tile(row, (HEIGHT, 1))[..., None], 3, axis=2)


def bricks(period: int = 16) -> np.ndarray:
    picture = np.full((HEIGHT, WIDTH, 3), (0.7, 0.3, 0.2), np.float32)
    for number, top in enumerate(range(0, HEIGHT, period // 2)):
        picture[top : top + 2] = 0.85
        picture[top : top + period // 2, (number % 2) * period // 2 :: period] = 0.85
    return picture


def gradient() -> np.ndarray:
    across = np.linspace(0.2, 0.8, WIDTH, dtype=np.float32)
    down = np.linspace(0.0, 0.1, HEIGHT, dtype=np.float32)
    return np.repeat((across + down[:, None])[..., None], 3, axis=2)


def disc(radius: int = 18, x: int = WIDTH // 2, y: int = HEIGHT // 2) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.circle(mask, (x, y), radius, 255, -1)
    return mask > 0


def spoilt(picture: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """With something in the hole that is in no way to be seen afterwards."""
    picture = picture.copy()
    picture[hole] = (1.0, 0.0, 1.0)
    return picture


@pytest.mark.parametrize("texture", [stripes, bricks])
def test_a_pattern_goes_on_with_its_period(texture: Callable[[], np.ndarray]) -> None:
    filled = exemplar.fill(spoilt(texture(), disc()), disc())
    wrong = np.abs(filled - texture()).max(axis=2)[disc()] > 0.1
    assert wrong.mean() < 0.02


def test_a_gradient_goes_on() -> None:
    filled = exemplar.fill(spoilt(gradient(), disc()), disc())
    assert np.abs(filled - gradient()).max() < 0.03


def test_no_step_of_tone_is_seen_in_a_gradient() -> None:
    filled = exemplar.fill(spoilt(gradient(), disc(28)), disc(28))
    steps = np.abs(np.diff(filled[..., 0], axis=1))
    assert steps.max() < 4 * np.abs(np.diff(gradient()[..., 0], axis=1)).max()


@settings(max_examples=6, deadline=None)
@given(
    st.integers(0, HEIGHT - 1),
    st.integers(0, WIDTH - 1),
    st.integers(1, 20),
    st.integers(0, 2**32 - 1),
)
def test_nothing_but_the_hole_changes(y: int, x: int, radius: int, seed: int) -> None:
    hole = disc(radius, x, y)
    seen = spoilt(bricks(), hole)
    before = seen.copy()
    filled = exemplar.fill(seen, hole, seed=seed)
    assert (seen == before).all()
    assert (filled[~hole] == before[~hole]).all()
    assert np.isfinite(filled).all()
    assert not (filled[hole] == (1.0, 0.0, 1.0)).all(axis=1).any()


def test_a_seed_gives_the_same_again() -> None:
    noise = np.random.default_rng(1).uniform(size=(HEIGHT, WIDTH, 3)).astype(np.float32)
    once, again, other = (exemplar.fill(noise, disc(), seed=seed) for seed in (3, 3, 4))
    assert (once == again).all()
    assert (once != other).any()


def test_what_may_not_be_copied_is_not() -> None:
    """Flat on the left; the pattern all around the hole is barred, as it is where a layer is
    transparent."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    seen = np.repeat(((y // 2 + x // 2) % 2 * 0.6 + 0.2)[..., None], 3, axis=2).astype(np.float32)
    seen[:, :40] = 0.5
    hole, deep = disc(18, 84), disc(9, 84)
    assert exemplar.fill(seen, hole)[deep].std() > 0.2
    assert exemplar.fill(seen, hole, x < 40)[deep].std() < 0.1


@pytest.mark.parametrize("left", [0, 3, 6])
def test_without_a_patch_left_that_is_said(left: int) -> None:
    hole = np.ones((HEIGHT, WIDTH), bool)
    hole[:left, :left] = False
    with pytest.raises(exemplar.NothingToCopy):
        exemplar.fill(bricks(), hole)


def test_one_patch_is_enough() -> None:
    hole = np.ones((HEIGHT, WIDTH), bool)
    hole[:7, :7] = False
    filled = exemplar.fill(spoilt(gradient(), hole), hole)
    assert filled[hole].max() < 0.5


def test_under_a_mask_colours_take_the_place_of_what_cannot_be_copied() -> None:
    mask = np.full((HEIGHT, WIDTH), 255, np.float32)
    mask[:5, :5] = 0
    filled = prefill.under(gradient(), mask, prefill.COPIED)
    assert (filled == prefill.under(gradient(), mask, "border")).all()


def test_it_can_be_stopped() -> None:
    class Stopped(Exception):
        pass

    heard: list[float] = []

    def told(share: float) -> None:
        heard.append(share)
        if share > 0.3:
            raise Stopped

    with pytest.raises(Stopped):
        exemplar.fill(bricks(), disc(), told=told)
    assert heard == sorted(heard)
    heard.clear()
    exemplar.fill(bricks(), disc(), told=heard.append)
    assert heard[-1] == pytest.approx(1)
