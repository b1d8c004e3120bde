"""Generate Again follows the layer's present place and size: answers of inside/moved.py."""

from __future__ import annotations

import pytest
from tests.gimp import turns

pytestmark = pytest.mark.gimp
ANSWERS = "moved.py"

CHANGES = (
    *("untouched", "resized", "cropped", "flipped", "turned", "scaled"),
    *("layer_moved", "layer_scaled", "layer_turned", "layer_off_the_canvas", "all_moved"),
)
FROM_A_SOURCE = ("img2img layer", "img2img visible", "fill layer", "fill visible")


NAMES = [f"{made}, {change}" for made in (*FROM_A_SOURCE, "txt2img") for change in CHANGES]


def made_of(*sources):
    """The cases that begin so."""
    return [turns.case(name) for name in NAMES if name.partition(",")[0] in sources]


@pytest.mark.parametrize("case", made_of(*FROM_A_SOURCE, "txt2img"))
def test_the_new_result_lies_where_the_layer_lies_now(facts, case):
    found = facts(case)
    assert found["status"] == "success", found["error"]
    assert found["place"] == found["box"] == found["wanted"]


@pytest.mark.parametrize("case", made_of(*FROM_A_SOURCE))
def test_it_is_made_from_what_its_source_shows_there(facts, case):
    found = facts(case)
    assert found["varied"]
    assert found["same"]


@pytest.mark.parametrize("case", made_of("fill layer", "fill visible"))
def test_its_mask_is_the_layers_present_one(facts, case):
    assert facts(case)["same_mask"]


def test_a_layer_that_lies_beside_its_source_is_told(facts):
    found = facts("beside")
    assert found["status"] == "execution-error"
    assert found["error"].startswith("The layer no longer lies over what it was made from.")
    assert found["changed"] == []
