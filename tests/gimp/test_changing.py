"""Change Result in real GIMP: answers of inside/changing.py."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.gimp
ANSWERS = "changing.py"
CHANGES = (
    *("untouched", "resized", "cropped", "flipped", "turned", "turned_and_flipped", "scaled"),
    *("flipped_and_scaled", "cropped_and_turned", "layer_moved", "all_moved", "layer_flipped"),
    *("to_image_size", "reopened"),
)
CASES = (
    *(f"fill layer, {change}" for change in CHANGES),
    "img2img layer, flipped",
    *(f"img2img visible, {change}" for change in ("cropped", "layer_moved", "reopened")),
    *(f"img2img 16 bits, {change}" for change in ("turned_and_flipped", "cropped")),
    *(
        f"fill visible, grown edge, {change}"
        for change in ("untouched", "flipped", "scaled", "cropped_and_turned")
    ),
    "txt2img, turned",
    *(f"expand, {change}" for change in ("untouched", "flipped", "cropped")),
    *(f"upscale, {change}" for change in ("untouched", "turned")),
)


@pytest.mark.parametrize("case", CASES)
def test_where_nothing_is_changed_the_same_pixels_come_again_at_the_same_place(facts, case):
    found = facts(case)
    assert found["error"] == ""
    assert found["layer"]
    assert found["again"]
    assert found["differs"] == []
    assert found["varied"]
    assert found["same"]


def test_changed_values_give_other_pixels_and_the_layer_stays_as_it_is(facts):
    found = facts("changed")
    assert found["error"] == ""
    assert found["differs"] == ["name"]
    assert found["name"] == "0.90 · лес · 77"
    assert found["other_pixels"]
    assert found["request"] == {"prompt": "лес", "strength": 0.9, "seed": 77, "steps": 1}
    assert found["selection"] == 25


def test_a_name_that_a_person_gave_stays(facts):
    assert facts("named by hand") == {"error": "", "name": "mine #2"}


def test_one_of_several_variations_stays_one_of_them(facts):
    found = facts("one of several")
    assert found["error"] == ""
    assert [name.split(" ")[0] for name in found["names"]] == ["1/3", "2/3", "3/3"]
    assert found["names"][1].endswith("· 99")
    assert found["shown"] == [[False, True, False], [False, False, True], [True, False, False]]


def test_in_another_image_no_layer_is_taken_for_the_source(facts):
    assert facts("in another image") == {"error": "", "same": True, "others": True}


@pytest.mark.parametrize("change", ["turned_by_an_angle", "sheared"])
def test_what_cannot_be_followed_is_refused_in_words(facts, change):
    found = facts(f"refused, {change}")
    for name in ("change-result", "generate-again"):
        assert found[name].startswith("The layer was turned or distorted")
    assert found["changed"] == []


def test_a_locked_layer_is_told(facts):
    assert facts("refused, locked")["change-result"].startswith("The layer's pixels are locked.")


@pytest.mark.parametrize(
    "case", ["expand, untouched", "expand, turned", "expand, scaled", "upscale, flipped"]
)
def test_what_has_grown_is_generated_again_at_its_place(facts, case):
    found = facts(f"again, {case}")
    assert found["error"] == ""
    assert found["made"] == found["place"]
    assert found["size_stays"]
    assert found["same_mask"]
    assert found["other"] == case.startswith("expand")
