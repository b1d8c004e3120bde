"""Steps of tone are spread out in a hole, edges stay, and nothing else changes."""

from __future__ import annotations

import numpy as np
import pytest

from pentimento.imaging import tone_seams

SIDE = 61


def hole() -> np.ndarray:
    y, x = np.mgrid[:SIDE, :SIDE]
    return (y - 30) ** 2 + (x - 33) ** 2 < 22**2


def stepped(height: float) -> np.ndarray:
    """Gray, and from the middle of the hole on lighter."""
    picture = np.full((SIDE, SIDE, 3), 0.4, np.float32)
    picture[:, 33:][hole()[:, 33:]] += np.float32(height)
    return picture


def largest_step(picture: np.ndarray) -> float:
    return max(float(np.abs(np.diff(picture, axis=axis)).max()) for axis in (0, 1))


def test_a_step_of_tone_is_spread_out() -> None:
    picture, flat = stepped(0.05), np.zeros((SIDE, SIDE, 3), np.float32)
    tone_seams.level_out(picture, hole(), flat, flat, 0.2)
    assert largest_step(picture) < 0.01
    assert (picture[~hole()] == stepped(0)[~hole()]).all()


def test_an_edge_stays() -> None:
    picture, flat = stepped(0.4), np.zeros((SIDE, SIDE, 3), np.float32)
    tone_seams.level_out(picture, hole(), flat, flat, 0.2)
    assert (picture == stepped(0.4)).all()


@pytest.mark.parametrize("border", [False, True])
def test_a_membrane_continues_a_gradient(border: bool) -> None:
    """Also where the hole lies at the picture's border, beyond which nothing is known."""
    ramp = np.linspace(0.1, 0.9, SIDE, dtype=np.float32)
    gradient = np.repeat(np.tile(ramp[:, None], (1, SIDE))[..., None], 3, axis=2)
    where = hole()
    where[20:40, 45:] |= border
    picture = gradient.copy()
    picture[where] = 0
    tone_seams.membrane(picture, where)
    assert np.abs(picture - gradient).max() < 0.03
    assert (picture[~where] == gradient[~where]).all()
