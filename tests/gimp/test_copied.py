"""Records travel with their layers: into other images, copies and files. Each works from its own
source or says what is missing, and never takes a layer that only has the same number; answers of
inside/copied.py."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.gimp
ANSWERS = "copied.py"

MISSING = {
    "alone": "The layer that this result was made from is not in this image.",
    "alone, visible": "This result was made in another image",
    "alone, a fill": "This result was made in another image",
    "control": "The control layer of this result is gone.",
    "region": "A layer that guided this result is gone.",
    "older, other image": "This result is of an older version",
    "older, painted over": "This result is of an older version",
}
OWN_SOURCE = (
    *("with its source", "duplicated", "source copied within", "reopened", "older"),
    *("duplicated, visible", "reopened, visible"),
)
UNREADABLE = ("a newer version", "no request", "no origin", "nothing")


@pytest.mark.parametrize("case", MISSING)
def test_what_is_not_there_is_told_and_nothing_else_taken(facts, case):
    found = facts(case)
    assert found["status"] == "execution-error"
    assert found["error"].startswith(MISSING[case])
    assert found["changed"] == []


def test_the_other_image_has_a_layer_of_the_sources_number(facts):
    assert facts("alone")["tattoo_taken"]


@pytest.mark.parametrize("case", OWN_SOURCE)
def test_the_result_is_made_from_its_own_source(facts, case):
    found = facts(case)
    assert found["status"] == "success", found["error"]
    assert found["same"]


def test_the_copy_of_an_image_has_a_source_of_its_own(facts):
    assert not facts("duplicated")["alike"]


@pytest.mark.parametrize("case", ["reopened", "reopened, visible"])
def test_words_come_back_from_a_file(facts, case):
    assert facts(case)["prompt"]
    assert facts(case)["name"] == "0.00 · 猫 “x” · 5"


@pytest.mark.parametrize("case", UNREADABLE)
def test_a_record_that_cannot_be_read_is_told(facts, case):
    found = facts("unreadable")[case]
    assert found["status"] == "execution-error"
    assert found["error"].startswith("The layer carries a record that can't be read.")
    assert found["changed"] == []
