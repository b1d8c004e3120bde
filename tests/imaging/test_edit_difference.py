"""What an edit changed is found under the shift, the zoom and the tint that it brings along."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from tests.support.drawn_objects import scene

from pentimento.core.geometry import Size
from pentimento.imaging import edit_difference, pixels
from pentimento.imaging.canvas import Canvas, Work
from pentimento.schema.job import PixelFormat

SIDE, MIDDLE, RADIUS = 512, (300, 210), 70
SHIFT, ZOOM = (1.7, -0.6), 1.004


def source(seed: int) -> np.ndarray:
    """`(512, 512, 3)` float32: four drawn scenes, with grain as a photograph has it."""
    drawn = [scene(seed + number).picture for number in range(4)]
    whole = np.vstack([np.hstack(drawn[:2]), np.hstack(drawn[2:])]).astype(np.float32) / 255
    grain = np.random.default_rng(seed).normal(0, 0.012, whole.shape)
    return np.clip(cv2.GaussianBlur(whole + grain, (0, 0), 0.8), 0, 1).astype(np.float32)


def disc() -> np.ndarray:
    rows, columns = np.mgrid[:SIDE, :SIDE]
    away = np.hypot(columns - MIDDLE[0], rows - MIDDLE[1])
    return np.clip(RADIUS + 0.5 - away, 0, 1).astype(np.float32)


def edited(picture: np.ndarray) -> np.ndarray:
    """As a stand-in for a model does it: a disc, and then all of it moved, larger and warmer."""
    stripes = 0.5 + 0.3 * np.sin(np.mgrid[:SIDE, :SIDE][1] / 5)
    new = np.stack([stripes, stripes * 0.3, 1 - stripes], axis=2).astype(np.float32)
    share = disc()[..., None]
    painted = picture * (1 - share) + new * share
    middle = (SIDE - 1) / 2
    matrix = np.array(
        [
            [ZOOM, 0, SHIFT[0] + middle * (1 - ZOOM)],
            [0, ZOOM, SHIFT[1] + middle * (1 - ZOOM)],
        ]
    )
    moved = cv2.warpAffine(
        painted, matrix, (SIDE, SIDE), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
    )
    return np.clip(moved * [0.97, 0.95, 0.92] + [0.03, 0.01, 0.0], 0, 1).astype(np.float32)


@pytest.mark.parametrize("depth", ["u1", "u2"])
@pytest.mark.parametrize("seed", [3, 40, 77])
def test_the_change_is_found_and_nothing_else(seed: int, depth: str) -> None:
    stored = pixels.to_depth(source(seed), np.dtype(depth))
    before = pixels.to_float(stored)
    after = pixels.to_float(pixels.to_depth(edited(before), np.dtype(depth)))
    found = edit_difference.measure(before, after)
    assert found is not None
    facts = found.facts()
    assert facts["shift"] == pytest.approx(SHIFT, abs=0.1)
    assert facts["zoom"] == pytest.approx(ZOOM, abs=0.0005)
    here, there = found.mask > 0.5, disc() > 0.5
    assert (here & there).sum() / (here | there).sum() >= 0.95
    far = cv2.dilate((disc() > 0).astype(np.uint8), np.ones((31, 31))) == 0
    assert (found.mask[far] == 0).all()
    alike = found.mask == 0
    assert np.abs(found.picture - before)[alike].mean() < 0.01


def test_an_edit_that_changes_nothing_has_an_empty_mask() -> None:
    picture = source(5)
    found = edit_difference.measure(picture, picture.copy())
    assert found is not None
    assert not found.mask.any()
    assert found.facts()["zoom"] == 1


def test_another_picture_counts_as_a_whole() -> None:
    assert edit_difference.measure(source(5), source(500)[::-1].copy()) is None


@pytest.mark.parametrize("depth", ["u1", "u2"])
def test_a_result_is_its_source_bit_for_bit_outside_of_the_change(depth: str) -> None:
    stored = np.full((SIDE, SIDE, 4), np.iinfo(depth).max, depth)
    stored[..., :3] = pixels.to_depth(source(40), np.dtype(depth))
    after = edited(pixels.to_float(stored)[..., :3])
    size = Size(SIDE, SIDE)
    format = PixelFormat.RGBA_U8 if depth == "u1" else PixelFormat.RGBA_U16
    canvas = Canvas(size, Work.whole(size), format, stored, only_changes=True)
    result, facts = canvas.finish(after, blend=True)
    assert facts["changes"]["shift"] == pytest.approx(SHIFT, abs=0.1)
    far = cv2.dilate((disc() > 0).astype(np.uint8), np.ones((31, 31))) == 0
    assert np.array_equal(result[far], stored[far])
    assert result.dtype == stored.dtype
    inside = disc() >= 1
    assert (result[inside] != stored[inside]).any(axis=1).mean() > 0.99
    whole, told = replace(canvas, only_changes=False).finish(after, blend=True)
    assert "changes" not in told
    assert (whole[far] != stored[far]).any(axis=1).mean() > 0.5


def test_another_picture_is_kept_whole() -> None:
    stored = np.full((SIDE, SIDE, 4), 255, np.uint8)
    stored[..., :3] = pixels.to_depth(source(5), np.uint8)
    other = source(500)[::-1].copy()
    size = Size(SIDE, SIDE)
    canvas = Canvas(size, Work.whole(size), PixelFormat.RGBA_U8, stored, only_changes=True)
    result, facts = canvas.finish(other, blend=True)
    assert facts["changes"] is None
    assert np.array_equal(result[..., :3], pixels.to_depth(other, np.uint8))
