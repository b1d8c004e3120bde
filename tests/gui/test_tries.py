"""One try after the other: the seed is kept at a click, nothing is hit by mistake when a job ends,
and of tries one by one the best is kept."""

from __future__ import annotations

import re

import pytest
from tests.gui.session import LAYER, wait
from tests.gui.steps import set_steps

pytestmark = pytest.mark.gui
TITLE = "Image to Image"
WORDS = "hügel “x” 山 🎲"


def tried(gimp, strength, layers):
    """Generates at this strength; the seed that the newest layer's name tells."""
    gimp.gui.set_value(TITLE, "Strength", strength)
    gimp.gui.press(TITLE, "Generate")
    newest = gimp.wait_for_layers(layers)[0]["name"]
    gimp.wait_for_news(TITLE, f"Done: {newest}")
    assert re.fullmatch(rf"{strength:.2f} · {WORDS} · \d+", newest)
    return int(newest.rpartition(" ")[2])


def begin(gimp, steps):
    gimp.open_dialog(TITLE)
    gimp.gui.set_text(TITLE, "Prompt", WORDS)
    set_steps(gimp, TITLE, steps)
    gimp.wait_for_status(TITLE, " step")


def test_the_seed_of_the_last_result_is_kept_at_a_click(gimp):
    gimp.open_scene()
    gui = gimp.gui
    begin(gimp, 2)
    assert not gui.checked(TITLE, "Keep seed")
    first = tried(gimp, 0.5, 2)
    second = tried(gimp, 0.6, 3)
    assert first != second
    assert gui.value(TITLE, "Seed value") == second
    gui.press(TITLE, "Keep seed")
    assert tried(gimp, 0.8, 4) == second
    gui.press(TITLE, "Close")
    gui.gone(TITLE)
    gimp.open_dialog(TITLE)
    assert gui.checked(TITLE, "Keep seed")
    assert gui.value(TITLE, "Seed value") == second


def test_a_job_that_ends_leaves_the_keys_to_the_image(gimp):
    gimp.open_scene()
    gui = gimp.gui
    begin(gimp, 2)
    for layers in (2, 3):
        gui.press(TITLE, "Generate")  # once more, for which the dialog waits after its first job
        gui.keys("GIMP", "shift")  # as who goes on in the image
        gimp.wait_for_layers(layers)
        gimp.wait_for_news(TITLE, "Done")
    gui.press(TITLE, "Control and LoRAs")
    assert gui.active().endswith("GIMP")
    gui.press(TITLE, "Reset")  # which is GIMP's own, and the first answer to the dialog since
    gui.press_in_any_window("Factory Defaults")
    wait(lambda: not gui.text(TITLE, "Prompt", "text"), "the prompt to be gone")
    gui.set_text(TITLE, "Prompt", WORDS)
    gui.keys(TITLE, "ctrl+Return")
    gimp.wait_for_layers(4)
    gui.keys(TITLE, "Escape")
    gui.gone(TITLE)
    gui.keys("GIMP", "ctrl+z")
    gimp.wait_for_layers(3)


def test_a_click_on_stop_that_comes_too_late_hits_nothing(gimp):
    gimp.open_scene()
    gui = gimp.gui
    begin(gimp, 100)  # as many as it takes to look for Stop and its place
    gui.press(TITLE, "Generate")
    wait(lambda: gui.is_shown(TITLE, "Stop"), "Stop")
    assert not gui.sensitive(TITLE, "Cancel")
    (place,) = [box for name, *box in gui.places(TITLE) if name == "Stop"]
    x, y = place[0] + place[2] // 2, place[1] + place[3] // 2
    gimp.wait_for_news(TITLE, "Done")
    there = [
        name
        for name, left, top, width, height in gui.places(TITLE)
        if left <= x <= left + width and top <= y <= top + height
    ]
    assert there == []
    gui.xdotool("mousemove", str(x), str(y), "click", "1")
    begun = len(gimp.jobs())
    gui.click(TITLE, "Prompt", role="text")
    gui.keys(TITLE, "z")  # events come in order: after it the click has been felt
    wait(lambda: "z" in gui.text(TITLE, "Prompt", "text"), "the key")
    assert len(gimp.jobs()) == begun
    assert gui.sensitive(TITLE, "Close")


def test_of_tries_one_by_one_the_selected_is_kept_in_one_undo_step(gimp):
    gimp.open_scene()
    gui = gimp.gui
    begin(gimp, 1)
    for number, strength in enumerate((0.5, 0.6)):
        tried(gimp, strength, 2 + number)
    gui.press(TITLE, "Close")
    gui.gone(TITLE)
    before = gimp.snapshot()
    gimp.menu("Keep Variation")
    kept = gimp.wait_for_layers(2)[0]["name"]
    assert kept.startswith("0.60")
    gimp.menu("Keep Variation")
    message = gimp.wait_for_message("only one variation")
    assert "Execution" not in message
    gimp.close_windows()
    gui.keys("GIMP", "ctrl+z")
    gimp.wait_for_no_difference(before, "selected_layers")


def test_the_map_that_was_made_is_the_control_layer_once_its_kind_is_chosen(gimp):
    gimp.open_scene()
    gui = gimp.gui
    gimp.open_dialog("Make Control Layer")
    gui.choose("Make Control Layer", "Type", "Edges")
    wait(lambda: gui.sensitive("Make Control Layer", "Create"), "Create")
    gui.press("Make Control Layer", "Create")
    gui.gone("Make Control Layer")
    gimp.open_dialog(TITLE)
    gui.press(TITLE, "Control and LoRAs")
    gui.choose(TITLE, "Control 1", "Edges")
    wait(lambda: gui.choice(TITLE, "Control layer") == f"Edges of {LAYER}", "the map")
    wait(lambda: gui.checked(TITLE, "Layer already is a control map"), "the mark")
