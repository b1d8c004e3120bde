from __future__ import annotations

import numpy as np
import pytest
from training.scenes import make_scene
from training.scenes.canvas import Canvas
from training.scenes.objects import DRAW, draw_object
from training.scenes.palette import COLOURS
from training.scenes.studies import study


def scene(seed: int, size: int = 64, simple: bool = False):
    return make_scene(np.random.default_rng(seed), size, size, simple=simple)


@pytest.mark.parametrize("simple", [False, True])
def test_same_seed_gives_the_same_picture_and_caption(simple):
    for seed in range(20):
        first, second = scene(seed, simple=simple), scene(seed, simple=simple)
        assert np.array_equal(first[0], second[0])
        assert first[1:] == second[1:]


def test_different_seeds_give_different_pictures():
    pictures = {scene(seed)[0].tobytes() for seed in range(40)}
    assert len(pictures) == 40


@pytest.mark.parametrize("simple", [False, True])
def test_captions_name_what_is_drawn(simple):
    for seed in range(200):
        _, caption, facts = scene(seed, simple=simple)
        for thing in facts.things:
            assert f"{thing.colour} {thing.kind}" in caption


def test_captions_never_name_a_thing_that_is_not_there():
    for seed in range(200):
        _, caption, facts = scene(seed)
        drawn = {thing.kind for thing in facts.everything}
        for kind in DRAW:
            named = [f"{colour} {kind}" for colour in COLOURS if f"{colour} {kind}" in caption]
            assert not named or any(kind in other for other in drawn)


def test_pictures_have_the_size_asked_for():
    picture, _, _ = make_scene(np.random.default_rng(3), 96, 48)
    assert picture.shape == (48, 96, 3)
    assert picture.dtype == np.uint8


@pytest.mark.parametrize("kind", list(DRAW))
def test_an_object_shows_its_colour_inside_its_box(kind):
    cv = Canvas(np.random.default_rng(1), 64, 64)
    cv.img[:] = 0.5
    left, top, right, bottom = draw_object(cv, kind, 32, 56, 48, "red", shadow=False)
    inside = cv.img[max(0, int(top)) : int(bottom) + 1, max(0, int(left)) : int(right) + 1]
    redness = inside[..., 0] - inside[..., 1:].max(-1)
    assert (redness > 0.2).mean() > 0.05


def test_a_study_holds_one_thing_on_another_colour():
    for seed in range(50):
        _, facts, caption = study(np.random.default_rng(seed), 64, 64)
        (thing,) = facts.things
        assert thing.colour != facts.background
        assert f"{thing.colour} {thing.kind}" in caption
