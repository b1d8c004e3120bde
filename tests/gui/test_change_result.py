"""The dialogs of Change Result and X/Y Plot: what a result was made with, one undo step each."""

from __future__ import annotations

import pytest
from tests.gui.session import wait
from tests.gui.steps import run, undo

pytestmark = pytest.mark.gui
BUTTON = "button|push button"
TITLE = "Change Result"
WORDS = "海 “sea” 🌊"
MADE = {"prompt": WORDS, "strength": 0.5, "steps": 1, "random-seed": False, "seed": 5}


def open_result(gimp, depth="U8_NON_LINEAR"):
    gimp.open_scene(
        more=f"image.convert_precision(Gimp.Precision.{depth})" if depth[1] != "8" else ""
    )
    run(gimp, "img2img", **MADE)
    gimp.gui.python("image.set_selected_layers(image.get_layers()[:1])\nGimp.displays_flush()")


def taken_back(gimp, before):
    """One Ctrl+Z gives the image back exactly."""
    gimp.gui.keys("GIMP", "ctrl+z")
    gimp.wait_for_no_difference(before)


def test_a_result_is_opened_with_its_values_and_changed_in_one_step(gimp):
    open_result(gimp)
    before, gui = gimp.snapshot(), gimp.gui
    gimp.open_dialog(TITLE)
    gimp.wait_for_status(TITLE, "step")
    assert gui.nameless(TITLE) == []
    assert gui.text(TITLE, "Prompt", "text") == WORDS
    assert gui.value(TITLE, "Strength") == 0.5
    assert gui.value(TITLE, "Steps") == 1
    gui.set_value(TITLE, "Strength", 0.9)
    gui.press(TITLE, "Change", BUTTON)
    gimp.wait_for_news(TITLE, "Done")
    names = [layer["name"] for layer in gimp.layers()]
    assert names[0] == f"0.90 · {WORDS} · 5"
    assert len(names) == len(before["layers"])
    assert gimp.differences(before) != []
    gui.press(TITLE, "Change", BUTTON)  # once more the same: further changes begin with these
    gimp.wait_for_news(TITLE, "Done")
    assert gimp.layers()[0]["name"] == names[0]
    gui.keys(TITLE, "Escape")
    gui.gone(TITLE)
    gui.keys("GIMP", "ctrl+z")
    taken_back(gimp, before)


@pytest.mark.parametrize("depth", ["U16_NON_LINEAR", "FLOAT_LINEAR"])
def test_a_changed_result_of_a_deep_image_is_taken_back(gimp, depth):
    open_result(gimp, depth)
    before = gimp.snapshot()
    run(gimp, "change-result", seed=77)
    assert gimp.differences(before) != []
    taken_back(gimp, before)


def test_a_plot_says_how_many_pictures_come_and_is_one_step(gimp):
    open_result(gimp)
    before, gui = gimp.snapshot(), gimp.gui
    gimp.open_dialog("X/Y Plot")
    gimp.wait_for_status("X/Y Plot", "9 pictures")
    assert gui.nameless("X/Y Plot") == []
    gui.set_text("X/Y Plot", "Values down", "1")
    gui.set_text("X/Y Plot", "Values across", "0.3, 7")
    gimp.wait_for_status("X/Y Plot", "no value for Strength")
    gui.set_text("X/Y Plot", "Values across", "0.3, 0.7")
    gimp.wait_for_status("X/Y Plot", "2 pictures")
    wait(lambda: gui.sensitive("X/Y Plot", "Plot", BUTTON), "the button")
    gui.press("X/Y Plot", "Plot", BUTTON)
    wait(lambda: len(gimp.layers()) > len(before["layers"]), "the group")
    undo(gimp, before)
