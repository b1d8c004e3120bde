"""The seam score tells an edge that shows from one that does not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pentimento.imaging import masks, pixels, seam


def picture(seed: int = 0) -> np.ndarray:
    """`(h, w, 4)` u8: soft colours with grain, opaque."""
    rng = np.random.default_rng(seed)
    soft = cv2.resize(rng.random((5, 6, 3), np.float32), (160, 120)) * 120 + 60
    colours = np.clip(soft + rng.normal(0, 4, soft.shape), 1, 254)
    return np.dstack([colours, np.full((120, 160), 255)]).astype(np.uint8)


def disc(soft: bool = False) -> np.ndarray:
    mask = np.zeros((120, 160), np.float32)
    cv2.circle(mask, (80, 60), 35, 255.0, -1)
    return cv2.GaussianBlur(mask, (41, 41), 8) if soft else mask


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 100))
def test_a_picture_that_was_not_changed_has_no_seam(seed: int) -> None:
    found = seam.measure(picture(seed), disc())
    assert found is not None
    assert found.edge == pytest.approx(1, abs=0.2)
    assert found.color_error < 0.06


def test_the_more_colours_differ_the_more_the_edge_shows() -> None:
    mask, found = disc(), []
    for shift in (0, 10, 30):
        other = picture()
        other[mask > 0, :3] += shift
        found.append(seam.measure(other, mask))
    edges = [one.edge for one in found if one]
    errors = [one.color_error for one in found if one]
    assert edges[0] < edges[1] < edges[2]
    assert errors[0] < errors[1] < errors[2]
    assert errors[2] - errors[0] > 20 / 255 / 2


@pytest.mark.parametrize("depth", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("soft", [False, True])
def test_what_is_laid_in_later_is_judged_as_it_will_be(depth: type, soft: bool) -> None:
    mask, source = disc(soft), pixels.to_depth(pixels.to_float(picture()), depth)
    new = pixels.to_depth(np.clip(pixels.to_float(picture(3)) + 0.1, 0, 1), depth)
    laid = seam.measure(masks.blend(source, new, mask), mask)
    assert seam.measure(new, mask, source) == laid
    assert seam.measure(new, mask) != laid


def test_a_soft_edge_shows_less_than_a_hard_one() -> None:
    other = picture().astype(np.float32)
    hard, soft = disc(), disc(soft=True)
    scores = []
    for mask in (hard, soft):
        mixed = other.copy()
        mixed[..., :3] += 40 * mask[..., None] / 255
        made = seam.measure(np.clip(mixed, 0, 255).astype(np.uint8), mask)
        assert made is not None
        scores.append(made.edge)
    assert scores[1] < 1.2 < scores[0]


def test_clipped_is_a_share_of_what_is_new() -> None:
    made, mask = picture(), disc()
    made[mask > 0, 0] = 255
    found = seam.measure(made, mask)
    assert found is not None
    assert found.clipped == 1


@pytest.mark.parametrize("value", [0, 255])
def test_without_an_edge_there_is_nothing_to_say(value: int) -> None:
    assert seam.measure(picture(), np.full((120, 160), value, np.float32)) is None
