"""Conversion, mask sources, edges, transparency, metadata and special layers in real GIMP: answers
of inside/exact_pixels.py."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.gimp
ANSWERS = "exact_pixels.py"

MARK = [
    "Xmp.iptcExt.DigitalSourceType",
    "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia",
]
WAYS_OUT = {"indexed": "convert it to RGB", "linear tables": "convert it to sRGB"}


@pytest.fixture
def made(facts):
    def made_of(name):
        found = facts(name)
        assert found["status"] == "success", found["error"]
        return found

    return made_of


@pytest.mark.parametrize(
    "case", ["indexed to rgb", "gray to rgb, unchanged", "linear tables to srgb", "rgb needs none"]
)
def test_a_conversion_keeps_the_look_and_the_result_is_exact(made, case):
    found = made(case)
    assert found["kind"] == "rgb"
    assert (found["difference"], found["seen_difference"]) == (0, 0)


def test_only_a_profile_that_was_in_the_way_is_converted(made):
    assert made("linear tables to srgb")["profile"] == "GIMP built-in sRGB"
    assert made("rgb needs none")["profile"] is None


@pytest.mark.parametrize("case", ["indexed to rgb, repainted", "gray to rgb"])
def test_a_converted_image_takes_new_colors(made, case):
    found = made(case)
    assert found["difference"] > 0
    assert found["colored"]


def test_a_gray_image_stays_gray_without_conversion(made):
    found = made("gray kept")
    assert (found["kind"], found["colored"]) == ("gray", False)
    assert found["difference"] > 0


@pytest.mark.parametrize(
    "case", ["indexed in a new image", "linear tables in a new image", "16 bits in a new image"]
)
def test_a_new_image_holds_the_result_and_the_old_one_stays(made, case):
    found = made(case)
    assert found["other"]
    assert found["changed"] == []
    assert (found["kind"], found["precision"]) == ("rgb", True)
    assert found["difference"] == 0


@pytest.mark.parametrize("case", WAYS_OUT)
def test_a_refusal_names_both_ways_out(facts, case):
    found = facts(case)
    assert found["status"] == "execution-error"
    assert WAYS_OUT[case] in found["error"]
    assert "new image" in found["error"]
    assert found["changed"] == []


def test_an_image_is_not_converted_for_a_job_that_fails(facts):
    found = facts("failed conversion")
    assert found["status"] == "execution-error"
    assert found["changed"] == []


@pytest.mark.parametrize(
    ("case", "sentence"),
    [
        ("no layer mask", "The selected layer has no mask."),
        ("no channel", "No channel is chosen."),
        ("nothing transparent", "There is nothing to regenerate"),
    ],
)
def test_a_missing_mask_is_told(facts, case, sentence):
    found = facts(case)
    assert found["status"] == "execution-error"
    assert found["error"].startswith(sentence)
    assert found["changed"] == []


@pytest.mark.parametrize(
    ("case", "count"), [("transparency", 12 * 10), ("transparency in a selection", 4 * 10)]
)
def test_what_is_transparent_is_made_anew_and_opaque(made, case, count):
    found = made(case)
    assert (found["values"], found["corner"], found["count"]) == ([0, 255], [20, 16], count)
    assert (found["alpha"], found["asked"]) == ([255], "opaque")
    assert found["changed"] == []


def test_a_layer_mask_is_used_value_by_value(made):
    found = made("layer mask")
    assert (found["equal"], found["sum"], found["changed"]) == (True, True, [])


def test_a_channel_is_used_value_by_value_and_the_selection_stays(made):
    found = made("channel")
    assert (found["equal"], found["soft"], found["changed"]) == (True, True, [])


def test_the_exact_edge_is_the_selection_and_nothing_else(made):
    found = made("exact edge")
    assert (found["equal"], found["asked"]) == (True, None)
    found = made("worked edge")
    assert (found["equal"], found["asked"]) == (False, {"grow": 3, "feather": 4, "blend": 5})


def test_the_result_has_the_transparency_that_was_asked_for(facts):
    found = facts("alpha of the source")
    assert (found["as_source"], found["asked"]) == (True, ["source", "gray"])
    found = facts("opaque")
    assert (found["opaque"], found["asked"]) == (True, ["opaque", "gray"])


def test_generate_again_asks_for_the_same_in_a_converted_image(made):
    found = made("again")
    assert found["first"] == found["second"]
    assert found["first"][:3] == [False, "opaque", "white"]
    assert found["same_mask"]


def test_metadata_is_identical_without_the_mark(facts):
    found = facts("unmarked")
    assert found["error"] == ""
    assert (found["identical"], found["parasites"]) == (True, True)
    assert not found["exported"]


def test_the_mark_is_added_once_exported_and_takes_nothing_away(facts):
    found = facts("marked")
    assert found["error"] == ""
    assert (found["added"], found["lost"], found["parasites"]) == ([MARK], [], True)
    assert found["exported"]


@pytest.mark.parametrize("case", ["text layer", "link layer", "vector layer"])
def test_special_layers_are_sources_and_stay_what_they_are(answers, version, case):
    if version == "3.0" and case != "text layer":
        pytest.skip("GIMP 3.0 has no such layers")
    found = answers("exact_pixels.py")[case]
    assert found["status"] == "success", found["error"]
    source, after, result = found["kind"]
    assert source == after != result == "Layer"
    assert found["content"]
    assert found["difference"] == 0
    assert found["same_place"]
    assert found["changed"] == []


def test_filters_count_only_for_what_is_seen(facts):
    assert facts("stored")["stored"] == 0
    assert facts("as seen")["seen"] == 0
