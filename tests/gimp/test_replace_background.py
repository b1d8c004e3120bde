"""Replace Background in real GIMP: answers of inside/replacing_background.py."""

from __future__ import annotations

import base64

import numpy as np
import pytest
from tests.gimp.test_cut_out import agreement, disc, unpacked

from pentimento.imaging import harmony_layers

pytestmark = pytest.mark.gimp
ANSWERS = "replacing_background.py"
CASES = ("subject", "u16", "off canvas")


def looks(text):
    return np.frombuffer(base64.b64decode(text), np.float32).reshape(48, 64, 4)


@pytest.mark.parametrize("case", CASES)
def test_the_subject_stays_and_all_around_it_is_new(facts, case):
    found = facts(case)
    assert not found["error"]
    mask = unpacked(found["subject"], channels=1)
    assert agreement(mask, disc(30, 22, 13.5)) > 0.95
    before, after = looks(found["before"]), looks(found["after"])
    x, y = found["place"][:2]
    rows, columns = np.mgrid[:48, :64]
    across, down = columns + x, rows + y
    on_canvas = (across >= 0) & (down >= 0)
    on_canvas &= (across < found["canvas"][0]) & (down < found["canvas"][1])
    assert np.abs(after - before)[(mask == 255) & on_canvas].max() < 1e-6
    assert np.abs(after - before)[(mask == 0) & on_canvas].mean() > 0.02
    assert found["kept"]


@pytest.mark.parametrize("case", CASES)
def test_there_are_two_layers_and_the_subject_is_the_upper_one(facts, case):
    found = facts(case)
    assert len(found["names"]) == 2
    assert found["names"][0] == "L, cut out"
    assert "沙滩" in found["names"][1]
    assert found["above"]
    assert found["returned"]
    assert found["chosen"]
    assert found["request"] == {
        "mode": "inpaint",
        "intent": "replace_background",
        "strength": 1.0,
        "prompt": "沙滩 “beach” 🏖",
    }


def test_the_background_goes_on_under_the_subjects_soft_edge(facts):
    found = facts("subject")
    subject = unpacked(found["subject"], channels=1)
    behind = unpacked(found["background"], channels=1)
    assert ((behind == 255) == (subject < 255)).all()
    assert ((behind == 0) == (subject == 255)).all()


def test_of_several_things_the_selected_one_is_the_subject(facts):
    found = facts("selected")
    assert not found["error"]
    mask = unpacked(found["subject"], channels=1)
    assert agreement(mask, disc(46, 26, 10.5)) > 0.95
    assert not mask[disc(18, 20, 10.5) > 0].any()


def test_of_a_layer_that_was_cut_out_before_what_is_left_is_the_subject(facts):
    found = facts("cut out before")
    assert not found["error"]
    mask = unpacked(found["subject"], channels=1)
    assert (mask == unpacked(found["left"], channels=1)).all()  # as it is, not cut once more
    assert mask.any()
    assert not mask[disc(18, 20, 10.5) > 0].any()


def test_several_backgrounds_lie_behind_one_subject(facts):
    found = facts("three")
    assert not found["error"]
    assert len(found["names"]) == 4
    assert found["above"]
    assert found["kept"]


def test_without_words_nothing_is_done(facts):
    found = facts("no words")
    assert "behind the subject" in found["error"]
    assert found["unchanged"]


@pytest.mark.parametrize("case", ["fitted", "fitted u16"])
def test_the_subjects_light_is_fitted_by_a_layer_above_it(facts, case):
    found = facts(case)
    assert not found["error"]
    assert found["light_name"] == "L, cut out: light and color"
    assert found["light_mode"] == "grain-merge"
    assert found["light_above"]
    assert found["light_place"] == found["place"]
    assert found["kept"]
    lit, unlit = looks(found["lit"]), looks(found["unlit"])
    mask = unpacked(found["subject"], channels=1)
    assert np.abs(lit - unlit)[mask == 0].max() < 1e-6
    wanted = harmony_layers.of(unlit, mask)
    made = harmony_layers.recomposed(unlit, mask, wanted)
    assert np.abs(lit[..., :3] - made)[mask == 255].max() <= 2 / 255
    assert np.abs(lit - unlit)[mask == 255].max() > 2 / 255
