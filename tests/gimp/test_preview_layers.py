"""The preview of a running job as a layer: in images of all depths, profiles and modes it has its
colours, and nothing of it is left; answers of inside/preview_layers.py."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.gimp
ANSWERS = "preview_layers.py"
SHOWN = (
    *("full", "group", "whole_group", "pass_through", "off_canvas", "masked", "mask_selected"),
    *("with_selection", "gray", "u16", "float", "adobe", "table_profile", "channel"),
    *("translucent", "locked_group"),
)
FIRST, SECOND = [200, 40, 90, 255], [20, 160, 60, 255]


@pytest.mark.parametrize("case", SHOWN)
def test_it_is_shown_where_the_result_will_be_and_leaves_nothing(facts, case):
    found = facts(case)
    assert found["error"] == ""
    assert found["known"]
    assert found["mask"]
    assert found["beside"]
    assert found["where"] == [-5, 7, 40, 30]
    assert found["meanwhile"] == [False, True], "clean, and the same is selected"
    assert [found["left"], found["swept"]] == [0, 1]
    assert found["differences"] == []


@pytest.mark.parametrize("case", ["full", "u16", "float", "adobe"])
def test_its_colours_are_those_of_the_picture(facts, case):
    for kind, wanted in (("first", FIRST), ("second", SECOND)):
        far = [abs(one - other) for one, other in zip(facts(case)[kind], wanted, strict=True)]
        assert max(far) <= 2, kind


@pytest.mark.parametrize("case", ["indexed", "floating"])
def test_where_gimp_takes_none_nothing_is_changed(facts, case):
    found = facts(case)
    assert not found["layer"]
    assert found["differences"] == []


def test_a_locked_one_is_not_written_to(facts):
    assert facts("locked") == FIRST
    assert facts("locked_group")["second"] == facts("locked_group")["first"]


def test_an_image_that_was_changed_stays_so(facts):
    assert facts("changed before")


def test_a_copy_that_somebody_has_made_stays(facts):
    assert facts("copies") == [1, True]
