"""Control maps drawn by arithmetic alone: lines are where the picture's are, and nowhere else."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pentimento.core.geometry import Size
from pentimento.imaging import control_maps
from pentimento.models.library.parts.annotator import BY_ARITHMETIC

LINES = ("canny", "scribble", "lineart", "softedge")


def sheet(width: int = 120, height: int = 90) -> np.ndarray:
    """`(h, w, 3)` u8: a dark square with sharp sides on light grey."""
    picture = np.full((height, width, 3), 200, np.uint8)
    picture[30:60, 40:80] = 30
    return picture


def near_the_outline(shape: tuple[int, ...], reach: int) -> np.ndarray:
    outline = np.zeros(shape[:2], np.uint8)
    cv2.rectangle(outline, (40, 30), (79, 59), 1, 1)
    return cv2.dilate(outline, np.ones((2 * reach + 1,) * 2, np.uint8)) > 0


def test_the_table_is_what_the_registry_promises() -> None:
    assert tuple(control_maps.DRAWERS) == BY_ARITHMETIC


@pytest.mark.parametrize("kind", LINES)
def test_lines_lie_on_the_edges(kind: str) -> None:
    found = control_maps.draw(kind, sheet())
    assert found.shape == (90, 120, 3)
    assert found.dtype == np.uint8
    light = found[..., 0] > 100
    assert light.any()
    reach = 3 if kind == "canny" else 12
    assert not light[~near_the_outline(found.shape, reach)].any()
    tight = near_the_outline(found.shape, 4)
    rows = light[:, 40:80].any(axis=1)
    assert rows[26:36].any()
    assert rows[54:64].any()
    assert (light & tight).sum() > 100


@pytest.mark.parametrize("kind", LINES)
@pytest.mark.parametrize("grey", [0, 128, 255])
def test_nothing_gives_black(kind: str, grey: int) -> None:
    assert not control_maps.draw(kind, np.full((40, 50, 3), grey, np.uint8)).any()


def test_noise_is_not_blown_up_to_soft_edges() -> None:
    noisy = np.random.default_rng(0).integers(126, 131, (64, 64, 3), np.uint8)
    assert control_maps.draw("softedge", noisy).max() < 64


def test_thresholds_choose_the_edges() -> None:
    picture = sheet()
    picture[10:20, 10:20] = 175  # a weak edge beside the strong one
    few = control_maps.draw("canny", picture, 100, 200)
    many = control_maps.draw("canny", picture, 20, 40)
    assert not few[:24, :24].any()
    assert many[:24, :24].any()


def test_tile_keeps_colors_and_loses_detail() -> None:
    striped = np.zeros((64, 64, 3), np.uint8)
    striped[:, ::2] = (200, 100, 50)
    found = control_maps.draw("tile", striped)
    assert np.abs(found.astype(int) - (100, 50, 25)).max() <= 4


def test_large_pictures_are_drawn_smaller_and_keep_their_size() -> None:
    large = cv2.resize(sheet(), (2400, 1800), interpolation=cv2.INTER_NEAREST)
    found = control_maps.draw("canny", large)
    assert found.shape == large.shape
    light = cv2.resize(found, (120, 90), interpolation=cv2.INTER_AREA)[..., 0] > 4
    assert light.any()
    assert not light[~near_the_outline(light.shape, 2)].any()


@pytest.mark.parametrize(
    ("slope", "channel"), [((1, 0), 0), ((0, 1), 1)], ids=["faces-left", "faces-up"]
)
def test_normals_face_where_surfaces_do(slope: tuple[int, int], channel: int) -> None:
    """What comes nearer to the right faces left, what comes nearer downwards faces up."""
    y, x = np.mgrid[0:64, 0:64] / 64
    ramp = (x * slope[0] + y * slope[1]).astype(np.float32)
    inside = control_maps.normals(ramp)[16:-16, 16:-16]
    other = 1 - channel
    assert inside[..., channel].min() > 160
    assert np.abs(inside[..., other].astype(int) - 128).max() <= 1
    assert control_maps.normals(np.zeros((8, 8), np.float32))[4, 4].tolist() == [128, 128, 255]


def test_a_figure_has_its_colored_joints_and_no_others() -> None:
    person = np.zeros((17, 3), np.float32)
    person[5], person[6], person[0] = (60, 40, 1), (20, 40, 1), (40, 20, 1)  # shoulders and nose
    person[16] = (90, 90, 0.1)  # an ankle that is hardly seen
    found = control_maps.draw_skeleton(person[None], Size(100, 100))
    assert found[40, 60].tolist() == [85, 255, 0]  # left shoulder
    assert found[40, 20].tolist() == [255, 170, 0]  # right shoulder
    assert found[20, 40].tolist() == [255, 0, 0]  # nose
    assert found[40, 40].tolist() == [255, 85, 0]  # the neck is between the shoulders
    assert not found[50:].any()
    assert not control_maps.draw_skeleton(np.zeros((0, 17, 3)), Size(9, 7)).any()


def test_kinds_have_the_colors_of_ade20k() -> None:
    assert len(control_maps.SEGMENT_COLORS) == 150
    found = control_maps.colored(np.array([[0, 2], [149, 150]]))
    assert found[0].tolist() == [[120, 120, 120], [6, 230, 230]]
    assert found[1].tolist() == [[92, 0, 255], [120, 120, 120]]
