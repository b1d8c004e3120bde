"""The geometry table in real GIMP: right place, right pixels, and nothing else touched."""

from __future__ import annotations

import pytest
from tests.gimp import turns
from tests.gimp.inside import cases

pytestmark = pytest.mark.gimp
FLOAT_ROUNDING = 0.001  # of an 8-bit step, for images that are stored as linear light or Adobe RGB


def named(table):
    return [turns.case(case["name"], case) for case in table]


@pytest.fixture
def facts(answers):
    def facts_of(case):
        found = answers("geometry.py")[case["name"]]
        assert found["status"] == "success", found["error"]
        return found

    return facts_of


@pytest.mark.parametrize("case", named(cases.REPAINTS))
def test_result_lies_exactly_on_its_source(facts, case):
    assert facts(case)["place"] == case["box"]


@pytest.mark.parametrize("case", named(cases.REPAINTS))
def test_strength_zero_gives_the_source_back(facts, case):
    exact = case["scene"] not in ("float", "adobe")
    assert facts(case)["difference"] <= (0 if exact else FLOAT_ROUNDING)


@pytest.mark.parametrize("case", named(cases.CASES))
def test_result_stands_right_above_its_source(facts, case):
    found = facts(case)
    if found["expected_above"] is not None:
        assert found["above"] == found["expected_above"]


@pytest.mark.parametrize("case", named(cases.CASES))
def test_nothing_else_in_the_image_changes(facts, case):
    assert facts(case)["changed"] == []


@pytest.mark.parametrize("case", named(cases.CASES))
def test_no_image_or_file_is_left_behind(facts, case):
    found = facts(case)
    assert (found["stray_images"], found["stray_files"]) == (0, [])


@pytest.mark.parametrize("case", named(cases.CASES))
def test_layer_carries_its_job(facts, case):
    assert facts(case)["parasites"] == ["pentimento-job"]


@pytest.mark.parametrize("case", named(cases.FILLS))
def test_layer_mask_holds_the_selection_value_by_value(facts, case):
    found = facts(case)
    assert found["selected_inside_box"]
    assert found["mask_equals_selection"]


@pytest.mark.parametrize("case", named(cases.FILLS))
def test_only_selected_pixels_change(facts, case):
    found = facts(case)
    assert found["changed_inside"] > 0
    assert found["leaked_outside"] == 0


@pytest.mark.parametrize("case", [pytest.param(row, id=row[0]) for row in cases.REFUSALS])
def test_refusal_is_a_sentence_and_changes_nothing(answers, case):
    name, *_scene, text = case
    found = answers("geometry.py")[name]
    assert found["status"] == "execution-error"
    assert text in found["error"]
    assert found["changed"] == []
