"""Next, Previous and Keep Variation in real GIMP: answers of inside/variations.py."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.gimp
ANSWERS = "variations.py"
WAYS = ("side by side", "grouped", "by the group")


@pytest.mark.parametrize("way", WAYS)
def test_one_after_the_other_is_seen_and_the_first_comes_after_the_last(facts, way):
    found = facts(way)
    assert found["error"] == ""
    first, second, third = [True, False, False], [False, True, False], [False, False, True]
    assert found["shown"] == [first, second, third, first, third]
    assert found["selected_is_seen"]


@pytest.mark.parametrize("way", WAYS)
def test_the_one_that_is_seen_is_kept_and_the_others_go(facts, way):
    found = facts(way)
    same_layer, same_pixels, index, name, on_its_own = found["kept"]
    assert same_layer
    assert same_pixels
    assert index == 2
    assert name == "0.50 · 三 “three” 🎲 · 7"
    assert on_its_own
    assert len(found["after"]) == 2
    assert found["others_stay"]


def test_a_single_one_is_said_to_be_one(facts):
    assert "only one variation" in facts("grouped")["alone"]


def test_other_layers_are_no_variations_and_stay(facts):
    found = facts("not ours")
    assert "no variation" in found["error"]
    assert found["layers"] == 1


def test_of_tries_one_by_one_the_selected_is_kept_and_those_at_the_same_place_go(facts):
    found = facts("tries")
    assert found["error"] == ""
    assert found["kept"]
    assert found["left"] == [False, True, False]
    assert found["elsewhere"] == [True, True, True]
    assert not found["group"]  # of variations from the same layer, which held nothing else


def test_what_tells_tries_apart_comes_first_in_their_names(facts):
    words = "三 “three” 🎲"
    single = [f"{strength} · {words} · 5" for strength in ("0.50", "0.40", "0.30")]
    several = [f"{number}/2 0.50 · {words} · {4 + number}" for number in (1, 2)]
    assert facts("tries")["names"] == [*single, *several]


def test_the_one_whose_edge_shows_least_comes_first_and_others_stay_in_their_place(facts):
    found = facts("by seam")
    assert found["error"] == ""
    assert found["seams"] == sorted(found["as they were"])
    assert len(set(found["seams"])) == 4
    assert found["stack"] == [*found["order"][:2], "own", *found["order"][2:]]
    assert found["names"]
    assert found["seen"] == [True, False, False, False]
    assert found["selected"]
    assert found["walk"] == [1, 2, 3, 0]


def test_a_changed_result_is_sorted_by_its_new_edge_and_unknown_edges_are_said(facts):
    found = facts("by seam")
    error, seams = found["again"]
    assert error == ""
    assert seams == sorted(seams) != found["seams"]
    assert "not known how much the edges" in found["unknown"]


def test_a_plot_is_a_named_group_of_all_pairs(facts):
    found = facts("plot")
    assert found["error"] == found["next"] == ""
    assert found["group"] == "X/Y · Strength × Seed · 三 “three” 🎲"
    assert found["names"][:4] == [
        *(f"Strength {value} · Seed 5" for value in ("0.4", "0.6", "0.8")),
        "Strength 0.4 · Seed 6",
    ]
    pairs = [[strength, seed] for seed in (5, 6, 7) for strength in (0.4, 0.6, 0.8)]
    assert found["values"] == pairs
    assert found["seen"] == [True] + [False] * 8
    assert found["different"] == 9
    assert found["as_single"]
    assert found["above"]
    assert found["others_stay"]
    assert found["second"]


def test_what_is_no_axis_is_said_and_nothing_is_made(facts):
    found = facts("no plot")
    same, number, sampler, lora, nothing = found["errors"]
    assert same.startswith("Both axes change the same.")
    assert number.startswith("“7” is no value for Strength.")
    assert sampler.startswith("There is no sampler “猫”.")
    assert "The LoRA's name, then weights" in lora
    assert nothing.startswith("An axis takes 1 to 8 values")
    assert found["layers"] == 2


def test_the_job_of_a_result_is_written_out_for_comfyui(facts):
    found = facts("workflow")
    assert found["errors"] == [""] * 4
    api, editor = found["forms"]
    samplers = [one["inputs"] for one in api.values() if one["class_type"] == "KSampler"]
    assert [(one["seed"], one["steps"], one["denoise"]) for one in samplers] == [(5, 1, 0.5)]
    texts = [one["inputs"]["text"] for one in api.values() if "text" in one["inputs"]]
    assert "三 “three” 🎲" in texts
    assert {node["type"] for node in editor["nodes"]} == {one["class_type"] for one in api.values()}
    assert "named.json" in found["report"]
    assert found["files"] == ["Bild 猫-comfyui-2.json", "Bild 猫-comfyui.json", "named.json"]
    assert found["layers"] == 0
    nowhere, not_ours = found["refused"]
    assert "cannot be written" in nowhere
    assert "not made by Pentimento" in not_ours
