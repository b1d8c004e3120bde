"""What is put under a selection continues its surroundings and changes nothing else."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pentimento.imaging import prefill

WAYS = sorted(set(prefill.WAYS) - {"source"})


def scene() -> np.ndarray:
    """Dark on the left, light on the right, and a red disc in the middle; float32 0..1."""
    ramp = np.linspace(0.2, 0.8, 160, dtype=np.float32)
    picture = np.repeat(np.tile(ramp, (120, 1))[..., None], 3, axis=2)
    cv2.circle(picture, (80, 60), 25, (1.0, 0.0, 0.0), -1)
    return picture


def disc(radius: int = 30) -> np.ndarray:
    mask = np.zeros((120, 160), np.float32)
    cv2.circle(mask, (80, 60), radius, 255.0, -1)
    return mask


@pytest.mark.parametrize("way", WAYS)
def test_what_is_not_selected_stays(way: str) -> None:
    filled = prefill.under(scene(), disc(), way)
    assert (filled[disc() == 0] == scene()[disc() == 0]).all()
    assert (filled[disc() > 0] != scene()[disc() > 0]).any()


@pytest.mark.parametrize("way", ["border", "opencv", "ring"])
def test_nothing_of_what_was_there_is_left(way: str) -> None:
    """The red disc goes; the surroundings' grey comes."""
    inside = prefill.under(scene(), disc(), way)[disc(20) > 0]
    assert np.abs(inside[:, 0] - inside[:, 1]).max() < 0.05
    assert inside.mean() == pytest.approx(0.5, abs=0.08)


def test_borders_are_continued_from_each_side() -> None:
    filled = prefill.under(scene(), disc(), "border")
    assert filled[60, 55].mean() < filled[60, 105].mean() - 0.05


def test_a_half_selected_place_is_half_filled() -> None:
    whole, half = (prefill.under(scene(), disc() * share, "ring") for share in (1, 0.5))
    np.testing.assert_allclose(half, (whole + scene()) / 2, atol=1e-5)


@pytest.mark.parametrize("way", sorted(prefill.WAYS))
@pytest.mark.parametrize("value", [0, 255])
def test_without_an_inside_or_an_outside_all_stays(way: str, value: int) -> None:
    mask = np.full((120, 160), value, np.float32)
    assert (prefill.under(scene(), mask, way) == scene()).all()
