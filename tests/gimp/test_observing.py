"""How a result was made, in GIMP: answers of inside/observing.py."""

from __future__ import annotations

import re

import pytest

pytestmark = pytest.mark.gimp
ANSWERS = "observing.py"

IN_THE_IMAGE = [
    "offset",
    "group",
    "locked group",
    "selection",
    "text",
    "unchanged",
    "gray",
    "adobe",
]


@pytest.mark.parametrize("case", IN_THE_IMAGE)
def test_the_stages_lie_in_a_hidden_group_right_above_the_result(facts, case):
    found = facts(case)
    assert "error" not in found, found
    assert found["name"] == "How it was made"
    assert found["is_group"]
    assert not found["visible"]
    assert not found["expanded"]
    assert found["same_parent"]
    assert found["all_seen"]
    assert [name.split()[0] for name in found["names"]] == [
        str(number) for number in range(1, len(found["names"]) + 1)
    ]
    assert {tuple(place) for place in found["places"]} == {tuple(found["result"])}
    assert found["records"] == [[]] * len(found["names"])


@pytest.mark.parametrize("case", IN_THE_IMAGE)
def test_the_result_is_the_same_and_nothing_else_is_touched(facts, case):
    found = facts(case)
    assert (found["furthest"], found["furthest_seen"]) == (0, 0)
    assert found["selected"]
    assert found["returned"] == [False]
    assert found["left"] == []


@pytest.mark.parametrize("case", ["offset", "text", "gray", "adobe"])
def test_the_last_stage_is_the_result_in_the_images_own_colors(facts, case):
    found = facts(case)
    assert found["last_is_result"]
    assert not found["first_is_result"]


def test_names_tell_noise_and_nearness(facts):
    names = facts("offset")["names"]
    assert names[0] == "1 Source"
    assert re.fullmatch(r"2 Encoded and decoded · \d+(\.\d)? dB", names[1])
    assert re.fullmatch(r"3 Noised start · noise \d+ % · \d+(\.\d)? dB", names[2])
    assert re.fullmatch(r"4 Step 1 of 2 · noise \d+ % · \d+(\.\d)? dB", names[3])
    assert names[-1].startswith(f"{len(names)} Result")
    noise = [int(found[1]) for name in names if (found := re.search(r"noise (\d+) %", name))]
    assert noise[0] == noise[1] > noise[2]


def test_a_fill_shows_its_mask_and_its_composite(facts):
    names = facts("selection")["names"]
    assert names[1] == "2 Mask"
    assert "Composite" in names[-1]


def test_at_strength_0_there_is_little_to_see(facts):
    assert facts("unchanged")["names"] == ["1 Source", "2 Result"]


def test_a_new_image_has_them_too_and_only_the_result_is_returned(facts):
    found = facts("new image")
    assert found["layers"] == [True, False]
    assert found["returned"] == [False]
    assert found["undo"]


def test_a_contact_sheet_is_saved_once_and_adds_nothing_to_the_image(facts):
    found = facts("sheet")
    assert found["status"] == "success", found["error"]
    assert found["size"][0] > 1000
    assert True not in found["layers"]
    assert not found["again"]


def test_a_sheet_that_cannot_be_written_is_refused_before_the_work(facts):
    found = facts("nowhere")
    assert found["status"] == "execution-error"
    assert "cannot be written: there is no such folder" in found["error"]
    assert found["changed"] == []


def test_generate_again_does_not_observe(facts):
    assert facts("again") == {"status": "success", "error": "", "more": 1}
