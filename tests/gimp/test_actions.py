"""What the actions do in real GIMP besides placing one layer: answers of inside/actions.py."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.gimp
ANSWERS = "actions.py"


def test_several_pictures_are_stacked_and_only_the_first_shows(facts):
    found = facts("several pictures")
    assert [layer["seed"] for layer in found["layers"]] == [7, 8, 9]
    names = [f"{n}/3 0.00 · two words · {6 + n}" for n in (1, 2, 3)]
    assert [layer["name"] for layer in found["layers"]] == names
    assert [layer["visible"] for layer in found["layers"]] == [True, False, False]
    assert {tuple(layer["place"]) for layer in found["layers"]} == {(13, 9, 64, 48)}
    assert found["first_returned_alone"]
    assert found["grouped"]
    assert found["group"] == ["two words", False, "pass-through"]
    assert found["above_source"]
    assert found["selected"]


def test_the_same_seed_gives_the_same_pixels(facts):
    assert facts("same seed") == {"equal": True, "changed": True}


def test_text_without_an_image_makes_one(facts):
    found = facts("text to a new image")
    assert found["status"] == "success", found["error"]
    assert found["size"] == [64, 96]
    assert found["new_images"] == 1
    (layer,) = found["layers"]
    assert layer["place"] == [0, 0, 64, 96]
    assert layer["name"] == f"a hill · {layer['seed']}", "the words that were drawn"
    assert layer["request"]["prompt"] == "a {hill|hill}"
    assert found["opaque"]
    assert found["undo"]


def test_text_becomes_a_layer_in_the_middle(facts):
    found = facts("text to a layer")
    assert found["place"] == [18, 8, 64, 64]
    assert found["same_image"]
    assert found["above_selected"]


@pytest.mark.parametrize("case", ["again from a layer", "again from the canvas"])
def test_generate_again_repeats_the_job_with_another_seed(facts, case):
    found = facts(case)
    assert found["status"] == "success", found["error"]
    first, second = found["first"], found["second"]
    assert second["place"] == first["place"]
    assert second["seed"] != first["seed"]
    assert second["origin"] == first["job"] != second["job"]
    for field in ("prompt", "mode", "strength", "steps", "sampler", "guidance", "model"):
        assert second["request"][field] == first["request"][field]
    assert found["same_mask"]
    assert found["same_source"]
    assert found["right_above"]


def test_generate_again_tells_that_its_source_is_gone(facts):
    found = facts("again without source")
    assert found["status"] == "execution-error"
    assert found["error"].startswith("The layer that this result was made from is gone.")


def test_generate_again_tells_that_its_mask_is_gone(facts):
    found = facts("again without mask")
    assert found["status"] == "execution-error"
    assert found["error"].startswith("The layer has lost its mask")


def test_a_grown_selection_is_in_the_layer_mask(facts):
    found = facts("grown selection")
    assert found["masked"] > 18 * 18  # 10 px grown by 4 on each side, and its soft edge
    assert found["leaked"] == 0


def test_last_values_are_used_again(facts):
    found = facts("last values")
    assert found["status"] == "success", found["error"]
    assert found["name"] == "0.00 · kept from before · 4242"
    assert found["place"] == [13, 9, 64, 48]


def test_the_reports_tell_where_the_server_is_without_the_token(facts, companion):
    found = facts("reports")
    assert f"The server runs at {companion.url}." in found["server"]
    assert "✓ Server" in found["doctor"]
    assert "✓ Models" in found["doctor"]
    assert companion.token not in found["server"] + found["doctor"]


def test_the_address_is_kept_for_the_owner_only_and_used(facts):
    found = facts("kept address")
    assert found["bad"][0] == "execution-error"
    assert found["set"][0] == "success"
    assert found["mode"] == "0o600"
    assert found["failed"][0] == "execution-error"
    assert "http://127.0.0.1:9 can't be reached" in found["failed"][1]
    assert found["changed_by_failure"] == []
    assert found["good"] == ["success", ""]
    assert found["leaks"] == []


def test_a_profile_of_tables_is_converted_both_ways(facts):
    found = facts("profile of tables")
    assert found["status"] == "success", found["error"]
    assert found["converted"]
    assert found["sent_srgb"]
    assert found["difference"] <= 5  # of 255: GIMP's own conversions there and back
    assert found["profile"] == "Pentimento test tables"


def test_an_image_closed_meanwhile_is_a_sentence(facts):
    sentence = "The image was closed before the result arrived.\nOpen it again"
    told = facts("closed image")
    assert [text.startswith(sentence) for text in told] == [True, True]
    assert told[1].endswith(" Kept."), "where the result is for a script"


def test_a_record_that_cannot_be_written_costs_no_result(facts):
    assert facts("unwritable record") == {"place": [3, 4, 1, 1], "name": "kept", "more": 1}


def test_a_result_whose_source_is_gone_meanwhile_is_kept(facts):
    assert facts("removed source") == {"place": [3, 4, 1, 1], "top": True}


def test_a_control_layer_and_a_lora_change_the_picture_as_recorded(facts):
    found = facts("steered")
    names = ("plain", "by a map", "by a picture", "by the source", "lora")
    for name in names:
        assert found[name]["status"] == "success", found[name]["error"]
    assert len({found[name]["pixels"] for name in names}) == len(names)
    assert len({tuple(found[name]["place"]) for name in names}) == 1
    controls = [found[name]["request"].get("controls", [{}])[0] for name in names]
    assert [control.get("model") for control in controls] == [None, *["canny"] * 3, None]
    assert ["image" in control for control in controls] == [False, True, True, False, False]
    assert controls[2]["preprocess"]
    assert controls[2]["weight"] == 0.5
    assert found["lora"]["request"]["loras"] == [{"id": "blueprint", "weight": 0.8}]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("unknown lora", "There is no LoRA called “nothing”."),
        ("lora without a number", "valid number"),
        ("no depth", "There is no depth ControlNet for Starter model."),
    ],
)
def test_what_cannot_steer_is_a_sentence_and_changes_nothing(facts, name, sentence):
    found = facts("steered")[name]
    assert found["status"] == "execution-error"
    assert sentence in found["error"]
    assert found["changed"] == []


def test_a_map_steers_a_picture_from_text(facts):
    assert facts("steered text") == {"differ": True, "sizes": [64 * 64 * 4] * 2}


def test_generate_again_reads_the_control_layer_again(facts):
    found = facts("steered again")
    assert found["error"] == ""
    first, second = found["blobs"]
    assert first != second
    status, error = found["gone"]
    assert status == "execution-error"
    assert error.startswith("The control layer of this result is gone.")
