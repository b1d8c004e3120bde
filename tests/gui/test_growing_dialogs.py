"""The dialogs of Expand and Upscale: what they say beforehand, and one undo step each."""

from __future__ import annotations

import pytest
from tests.gui.session import FEATHERED, wait
from tests.gui.steps import undo
from tests.gui.test_undo import run

pytestmark = pytest.mark.gui
BUTTON = "button|push button"
WORDS = "海 “sea” 🌊"
DEPTHS = ["U8_NON_LINEAR", "U16_NON_LINEAR", "FLOAT_LINEAR"]


def test_expand_says_how_large_the_canvas_gets_and_grows_it_in_one_step(gimp):
    gimp.open_scene()
    before = gimp.snapshot()
    gui = gimp.gui
    gimp.open_dialog("Expand")
    gimp.wait_for_status("Expand", "The canvas would not grow")
    assert gui.nameless("Expand") == []
    assert not gui.sensitive("Expand", "Expand", BUTTON)
    assert gui.value("Expand", "Fade over") == 16
    gui.set_value("Expand", "Right", 50)
    gimp.wait_for_status("Expand", "words help")
    wait(lambda: gui.all_text("Expand").splitlines().count("%") == 4, "the unit")
    gui.choose("Expand", "Grow", "By px")
    wait(lambda: gui.all_text("Expand").splitlines().count("px") == 4, "the unit")
    gimp.wait_for_status("Expand", "the canvas becomes 370 × 224 px")
    gui.choose("Expand", "Grow", "By percent")
    gui.set_value("Expand", "Right", 0)
    gui.set_text("Expand", "Prompt", "海 “sea”")
    gui.set_value("Expand", "Left", 25)
    told = gimp.wait_for_status("Expand", "the canvas becomes 400 × 224 px")
    assert "words help" not in told
    gui.set_text("Expand", "Prompt", "夜晚的天空和大海")
    gimp.wait_for_status("Expand", "This model was trained on English")
    gui.set_value("Expand", "Steps", 2)
    wait(lambda: gui.sensitive("Expand", "Expand", BUTTON), "the button")
    gui.press("Expand", "Expand", BUTTON)
    gimp.wait_for_layers(2)
    assert gimp.snapshot()["size"] == [400, 224]
    undo(gimp, before)


def test_upscale_says_how_large_the_picture_gets_and_by_what(gimp):
    gimp.open_scene()
    before = gimp.snapshot()
    gui = gimp.gui
    gimp.open_dialog("Upscale")
    assert "Compact Photo" in gimp.wait_for_status("Upscale", "becomes 640 × 448 px")
    assert gui.nameless("Upscale") == []
    assert "Compact Photo" in gui.choices("Upscale", "Method")
    gui.choose("Upscale", "Result", "This image, with all its layers")
    gui.set_value("Upscale", "Scale", 1.5)
    gimp.wait_for_status("Upscale", "becomes 480 × 336 px")
    gui.press("Upscale", "Enlarge", BUTTON)
    assert gimp.wait_for_layers(2)[0]["name"] == "Enlarged 1.5 ×"
    assert gimp.snapshot()["size"] == [480, 336]
    undo(gimp, before)


@pytest.mark.parametrize("depth", DEPTHS)
def test_one_undo_takes_the_canvas_back_at_every_depth(gimp, depth):
    gimp.open_scene(
        more=f"image.convert_precision(Gimp.Precision.{depth})" if depth[1] != "8" else ""
    )
    before = gimp.snapshot()
    run(gimp, "expand", **{"grow-by": "px", "right": 40.0, "bottom": 30.0, "steps": 1})
    assert gimp.snapshot()["size"] == [360, 254]
    undo(gimp, before)


MEMBERS = "[len(one.get_children()) if one.is_group() else 0 for one in image.get_layers()]"


@pytest.mark.parametrize("action", ["keep-variation", "sort-variations"])
def test_choosing_among_variations_is_one_undo_step(gimp, action):
    gimp.open_scene(more=FEATHERED)
    run(gimp, "regenerate-selection", strength=1.0, steps=1, count=3, prompt=WORDS)
    assert gimp.read(MEMBERS) == [3, 0]
    run(gimp, "next-variation")
    before = gimp.snapshot()
    run(gimp, action)
    assert gimp.differences(before) != []
    gimp.gui.keys("GIMP", "ctrl+z")
    gimp.wait_for_no_difference(before, "selected_layers")  # GIMP selects what undo brings back
