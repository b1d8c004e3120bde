"""An object is found by a box and two clicks on drawn scenes with known alpha, softly, and what is
cut out of them has no halo of its old background."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from tests.support.drawn_objects import SIDE, Scene, outline, scene

from pentimento.core.geometry import Box
from pentimento.imaging import matting, subject
from pentimento.imaging.object_selection import Click, middle, reach_of, select

REPO = Path(__file__).resolve().parents[2]
SCENES = 80  # of 200 in benchmarks/object_selection.py


@cache
def scenes() -> list[tuple[Scene, np.ndarray]]:
    """With what one box selects."""
    made = [scene(seed) for seed in range(SCENES)]
    return [(one, select(one.picture, box=one.box)) for one in made]


def correcting_clicks(one: Scene, found: np.ndarray) -> tuple[Click, ...]:
    """Two, where a person would click: the middle of the largest missing and of the largest wrong
    part; of the object and of the background where there is none."""
    clicks = []
    for wanted in (True, False):
        right = (one.alpha > 0.5) == wanted
        wrong = right & ((found > 0.5) != wanted)
        x, y, depth = _middle(wrong)
        if depth < 1:
            x, y, _ = _middle(right)
        clicks.append(Click(x, y, wanted))
    return tuple(clicks)


def _middle(part: np.ndarray) -> tuple[int, int, float]:
    depth = cv2.distanceTransform(np.pad(part.astype(np.uint8), 1), cv2.DIST_L2, 5)[1:-1, 1:-1]
    y, x = np.unravel_index(depth.argmax(), depth.shape)
    return int(x), int(y), float(depth.max())


def test_a_box_is_enough_for_most() -> None:
    agreements = [one.agreement(found) for one, found in scenes()]
    errors = [np.abs(one.alpha - found).mean() for one, found in scenes()]
    assert np.mean(agreements) >= 0.90
    assert np.mean(errors) <= 0.05


def test_two_clicks_mend_it_and_unsettle_nothing_that_was_right() -> None:
    before = np.array([one.agreement(found) for one, found in scenes()])
    after = np.array(
        [
            one.agreement(select(one.picture, correcting_clicks(one, found), one.box))
            for one, found in scenes()
        ]
    )
    assert after.mean() >= 0.945
    assert (after[before > 0.97] > 0.9).all()


def test_a_click_changes_what_it_is_on_and_nothing_farther_away() -> None:
    """Two discs of one colour in the box: a click on one of them says nothing of the other."""
    picture = np.full((200, 300, 3), (60, 110, 70), np.uint8)
    for x in (80, 220):
        cv2.circle(picture, (x, 100), 40, (200, 60, 50), -1)
    box = Box(20, 40, 260, 120)
    alone = select(picture, box=box)
    clicked = select(picture, (Click(80, 100, wanted=False),), box)
    assert alone[100, 80] == alone[100, 220] == 1
    assert clicked[100, 80] == 0
    assert np.array_equal(clicked[:, 150:], alone[:, 150:])


def test_what_is_cut_out_has_no_halo() -> None:
    """Over black and over white, in the band where object and background mix, where the object was
    found at all."""
    differences, untreated = [], []
    for one, found in scenes():
        if one.agreement(found) < 0.97:
            continue
        picture = one.picture.astype(np.float32) / 255
        clean = matting.decontaminated(picture, found)
        band = (found > 0) & (found < 1)
        for ground in (0.0, 1.0):
            right = one.colours + (1 - one.alpha[..., None]) * ground
            differences.append(_difference(_over(clean, found, ground), right)[band])
            untreated.append(_difference(_over(picture, found, ground), right)[band])
    assert np.concatenate(differences).mean() < 3
    assert np.concatenate(differences).mean() < np.concatenate(untreated).mean() / 1.5


def _over(colours: np.ndarray, alpha: np.ndarray, ground: float) -> np.ndarray:
    return colours * alpha[..., None] + (1 - alpha[..., None]) * ground


def _difference(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """CIE76, of `(h, w, 3)` sRGB 0..1."""
    lab = [
        cv2.cvtColor(np.clip(picture, 0, 1).astype(np.float32), cv2.COLOR_RGB2LAB)
        for picture in (one, other)
    ]
    return np.asarray(np.linalg.norm(lab[0] - lab[1], axis=2))


def test_edges_are_soft_and_the_rest_is_certain() -> None:
    one, found = next(pair for pair in scenes() if pair[0].agreement(pair[1]) > 0.98)
    inside, outside = matting.known(one.alpha > 0.5, matting.band_of(found.shape) + 3)
    assert (found[inside] == 1).all()
    assert (found[outside] == 0).all()
    assert len(np.unique(found)) > 20


@pytest.mark.parametrize(
    ("width", "height"), [(1, 1), (2, 300), (300, 1), (3, 3), (2000, 40)], ids=str
)
def test_odd_sizes_have_an_answer(width: int, height: int) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    for clicks, box in (((), None), ((Click(0, 0),), None), ((), Box(0, 0, width, height))):
        found = select(picture, clicks, box)
        assert found.shape == (height, width)
        assert np.isfinite(found).all()
        assert 0 <= found.min() <= found.max() <= 1


def test_the_same_hints_select_the_same() -> None:
    one = scene(3)
    first = select(one.picture, (Click(SIDE / 2, SIDE / 2),), one.box)
    assert (select(one.picture, (Click(SIDE / 2, SIDE / 2),), one.box) == first).all()


@pytest.mark.parametrize("off", [0.0, 0.04])
def test_an_outline_by_hand_gets_the_objects_own_edge(off: float) -> None:
    agreements, before = [], []
    for one, _ in scenes()[:40]:
        rough = outline(one, off)
        agreements.append(one.agreement(select(one.picture, rough=rough)))
        before.append(one.agreement(rough))
    assert np.mean(agreements) > 0.985
    assert np.mean(agreements) > np.mean(before) + 0.01
    assert min(np.subtract(agreements, before)) > -0.06


def nosed(side: int = 240) -> tuple[np.ndarray, np.ndarray]:
    """A thin dark nose before a dark sky, on a bright body; and what is selected: all of it."""
    picture = np.full((side, side, 3), (18, 20, 34), np.uint8)
    selected = np.zeros((side, side), np.uint8)
    cv2.rectangle(selected, (90, 100), (150, 220), 1, -1)
    cv2.rectangle(picture, (90, 100), (150, 220), (210, 190, 160), -1)
    nose = np.array([[100, 100], [140, 100], [120, 20]], np.int32)
    cv2.fillPoly(selected, [nose], 1)
    cv2.fillPoly(picture, [nose], (20, 21, 33))
    noise = np.random.default_rng(3).integers(-6, 7, picture.shape)
    return np.clip(picture + noise, 0, 255).astype(np.uint8), selected > 0


def test_a_part_that_looks_like_the_background_is_kept_where_it_was_selected() -> None:
    """By its box alone the nose is lost."""
    picture, selected = nosed()
    nose = selected.copy()
    nose[100:] = False
    rows, columns = np.nonzero(selected)
    edges = columns.min() - 4, rows.min() - 4, columns.max() + 5, rows.max() + 5
    boxed = select(picture, box=Box.from_edges(*map(int, edges)))
    assert (boxed[nose] > 0.5).mean() < 0.3
    assert (select(picture, rough=selected)[nose] > 0.5).mean() > 0.8


def test_clicks_still_count_beside_a_rough_selection() -> None:
    picture, selected = nosed()
    without = Click(120.0, 160.0, wanted=False)
    assert select(picture, rough=selected)[160, 120] == 1
    assert select(picture, (without,), rough=selected)[160, 120] < 0.5


def test_nothing_changes_far_from_the_selection_in_a_large_picture() -> None:
    picture, selected = nosed()
    large = np.random.default_rng(5).integers(0, 255, (1500, 2200, 3), dtype=np.uint8)
    rough = np.zeros(large.shape[:2], bool)
    large[1100:1340, 1900:2140], rough[1100:1340, 1900:2140] = picture, selected
    found = select(large, rough=rough)
    reach = reach_of(selected)
    near = cv2.dilate(rough.astype(np.uint8), np.ones((2 * reach + 30,) * 2, np.uint8)) > 0
    assert not found[~near].any()
    assert (found[rough] > 0.5).mean() > 0.95


def test_a_selection_that_only_goes_around_the_object_is_not_taken_for_it() -> None:
    """An ellipse with room around what is in it."""
    agreements = []
    for one, _ in scenes()[:40]:
        box = one.box
        loose = np.zeros(one.alpha.shape, np.uint8)
        middle = (box.x + box.width // 2, box.y + box.height // 2)
        cv2.ellipse(
            loose, middle, (round(box.width * 0.6), round(box.height * 0.6)), 0, 0, 360, 1, -1
        )
        agreements.append(one.agreement(select(one.picture, rough=loose > 0)))
    assert np.mean(agreements) > 0.8


def test_without_a_hint_what_stands_out_is_the_subject_and_not_the_sky_around_it() -> None:
    """A box around the middle of the rocket's photograph gives sky, whose edge is nowhere in it."""
    photo = np.asarray(Image.open(REPO / "examples" / "photo.jpg").convert("RGB"))
    found = select(photo)
    assert found[150:390, 304:330].mean() > 0.6  # the rocket
    assert found[:100].max() < 0.1
    assert found[:, :200].mean() < 0.02
    assert found[:, 420:].mean() < 0.02


def test_the_outline_of_an_object_is_seen_and_one_through_plain_ground_is_not() -> None:
    picture = np.full((80, 120, 3), (60, 90, 160), np.uint8)
    disc = np.hypot(*np.mgrid[-40:40, -60:60]) < 20
    picture[disc] = (230, 220, 200)
    assert subject.edge_support(picture, disc) == 1.0
    beside = np.zeros_like(disc)
    beside[5:15, 5:40] = True
    assert subject.edge_support(picture, beside) == 0.0
    assert subject.edge_support(picture, np.ones_like(disc)) == 0.0
    assert (subject.standing_out(picture, middle(120, 80)) == disc).mean() > 0.97
    plain = np.full_like(picture, 128)
    assert not subject.standing_out(plain, middle(120, 80)).any()
