"""Expand in real GIMP: answers of inside/growing.py."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.gimp
ANSWERS = "growing.py"
DEPTHS = ("8 bits", "16 bits", "32 bits")


@pytest.mark.parametrize("depth", DEPTHS)
def test_the_canvas_grows_to_the_left_and_nothing_old_is_changed(facts, depth):
    found = facts(f"left, {depth}")
    assert found["error"] == ""
    assert found["size"] == [72 + 18, 56]
    assert found["left_as_they_are"] == {"background": True, "above": True}
    assert found["moved"] == [[18, 0], [18, 0]]
    assert found["looks_the_same"]
    assert found["place"] == [0, 0, 90, 56]
    assert found["mask"] == [255, 0]
    assert found["request"]["mode"] == "outpaint"
    assert found["request"]["expand"] == {"left": 18}


@pytest.mark.parametrize("depth", DEPTHS)
def test_a_corner_grows_and_fades_only_in_its_band(facts, depth):
    found = facts(f"corner, {depth}")
    assert found["error"] == ""
    assert found["size"] == [72 + 24, 56 + 17]
    assert found["left_as_they_are"] == {"background": True, "above": True}
    assert found["moved"] == [[24, 0], [24, 0]]
    assert found["mask"] == [255, 0]
    assert found["request"]["mask_options"] == {"feather": 4}


def test_the_canvas_grows_as_far_as_the_selected_layer_reaches(facts):
    found = facts("to the layer")
    assert found["error"] == ""
    assert found["size"] == [72 + 9, 56]
    assert found["request"]["expand"] == {"left": 9}
    assert found["left_as_they_are"] == {"background": True, "above": True}
    assert found["looks_the_same"]


def test_an_aspect_ratio_grows_both_sides_alike(facts):
    found = facts("wide")
    assert found["error"] == ""
    assert found["size"] == [112, 56]
    assert found["moved_by"] == [20, 0]


def test_the_result_can_be_an_image_of_its_own(facts):
    found = facts("new image")
    assert found["error"] == ""
    assert not found["same_image"]
    assert found["size"] == [72 + 36, 56]
    assert not found["masked"]
    assert found["moved"] == [[0, 0], [0, 0]]


@pytest.mark.parametrize(
    ("case", "said"), [("nothing", "would not grow"), ("no ratio", "no aspect ratio")]
)
def test_what_cannot_be_is_said_and_the_canvas_stays(facts, case, said):
    found = facts(case)
    assert said in found["error"]
    assert found["size"] == [72, 56]


def test_generate_again_paints_the_new_part_once_more(facts):
    assert facts("left, 8 bits")["again"] == ""
