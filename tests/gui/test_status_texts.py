"""What a dialog says before, while and after it works: no false alarm, the whole plan, the model's
language, and a window that stays where it is."""

from __future__ import annotations

import pytest
from tests.gui.session import FEATHERED, LAYER, wait
from tests.gui.steps import fill_in, unfold

pytestmark = pytest.mark.gui
TITLE = "Image to Image"
FILL = "Regenerate Selection"
ALARMS = ("not running", "reached", "can't", "rejected", "mistake", "terminal")
CHINESE = "一弯“黄色”的月亮 🌙"


def test_from_cold_start_to_ready_there_is_no_false_alarm(gimp):
    gimp.server.process.terminate()
    gimp.server.process.wait(60)
    gimp.let_gimp_start_servers()
    gimp.open_scene()
    gimp.open_dialog(TITLE)
    said = []

    def ready():
        text = gimp.status_line(TITLE)
        if text not in said:
            said.append(text)
        return "steps" in text

    wait(ready, "the plan")
    gimp.adopt_server()
    assert [text for text in said if any(alarm in text for alarm in ALARMS)] == []
    assert said[-1].startswith(f"320 × 224 px from “{LAYER}”")


def test_a_prompt_that_the_model_does_not_read_is_told(gimp):
    gimp.open_scene()
    gui = gimp.gui
    gimp.open_dialog(TITLE)
    gui.set_text(TITLE, "Prompt", "a yellow moon")
    gimp.wait_for_status(TITLE, "steps")
    assert "trained on English" not in gimp.status_line(TITLE)
    gui.set_text(TITLE, "Prompt", CHINESE)
    gimp.wait_for_status(TITLE, "This model was trained on English")
    assert gui.sensitive(TITLE, "Generate")
    gui.set_text(TITLE, "Prompt", "a yellow moon 🌙")
    wait(lambda: "trained on English" not in gimp.status_line(TITLE), "the notice's end")


def test_an_empty_prompt_and_a_slip_of_the_hand_are_told(gimp):
    gimp.open_scene(more="image.select_rectangle(Gimp.ChannelOps.REPLACE, 40, 40, 3, 3)")
    gui = gimp.gui
    gimp.open_dialog(FILL)
    gimp.wait_for_status(FILL, "without a prompt · 3 × 3 px will hardly be seen")
    gui.set_text(FILL, "Prompt", CHINESE)
    gui.python("image.select_rectangle(Gimp.ChannelOps.REPLACE, 40, 40, 90, 70)")
    wait(lambda: "be seen" not in gimp.status_line(FILL), "the larger selection")
    assert "without a prompt" not in gimp.status_line(FILL)


def test_the_plan_is_told_whole_and_names_the_button(gimp):
    gimp.open_scene(more=FEATHERED)
    gui = gimp.gui
    gimp.open_dialog(FILL)
    gui.set_value(FILL, "Strength", 1)
    wait(lambda: gui.begins(FILL) == "Fill selection", "the button")
    unfold(gimp, FILL, "Edge and colors", "Grow")
    gui.set_value(FILL, "Grow", 5)
    gui.set_value(FILL, "Feather", 7)
    gimp.wait_for_status(FILL, "the result reaches 12 px beyond the selection")
    gui.set_value(FILL, "Strength", 0.4)
    wait(lambda: gui.begins(FILL) == "Refine at 40 %", "the button")
    gui.press(FILL, "Cancel")
    gui.gone(FILL)
    gui.python("image.scale(900, 630)\nlayer.set_name('a_long layer “name” 山水')")
    gimp.open_dialog(TITLE)
    gui.set_value(TITLE, "Strength", 0.4)
    wait(lambda: gui.begins(TITLE).endswith(" at 40 %"), "the strength")
    assert gui.begins(TITLE).startswith("Refine “a_long layer")
    gimp.wait_for_status(TITLE, "tiles")


def test_the_progress_goes_on_from_step_to_step_and_the_window_stays(gimp):
    gimp.open_scene()
    gui = gimp.gui
    gimp.open_dialog(TITLE)
    fill_in(gimp, TITLE, "hills", "Replace", steps=60)
    wait(lambda: settled(gui), "a still window")
    before = gui.geometry(TITLE)
    gui.press(TITLE, "Generate")
    said = []

    def done():
        text = gui.progress(TITLE)
        if text and text not in said:
            said.append(text)
        return gimp.news(TITLE)

    wait(done, "the end", 300)
    steps = [number for number, text in enumerate(said) if text.startswith("Step ")]
    assert len(steps) >= 2, said
    assert steps == list(range(steps[0], steps[-1] + 1)), said  # nothing else between two steps
    assert " left" in said[steps[-1]]
    assert gui.geometry(TITLE) == before


def settled(gui):
    """Whether the window has been asked the same size twice."""
    first = gui.geometry(TITLE)
    return first == gui.geometry(TITLE)


def test_the_window_leaves_room_for_the_image(gimp):
    gimp.open_scene()
    gimp.open_dialog(TITLE)
    gimp.wait_for_status(TITLE, "steps")
    assert gimp.gui.geometry(TITLE)["X"] < 40


def test_a_picture_from_text_has_the_size_of_the_image_or_of_the_selection(gimp):
    gimp.open_scene()
    gui, title = gimp.gui, gimp.open_dialog("Text to Image")
    fill_in(gimp, title, "a red barn 山", steps=2)
    gimp.wait_for_status(title, "New picture, 320 × 224 px")
    gui.press(title, "Generate")
    made, _scene = gimp.wait_for_layers(2)
    assert made["box"] == [0, 0, 320, 224]
    gimp.wait_for_news(title, "Done")
    gui.python("image.select_rectangle(Gimp.ChannelOps.REPLACE, 40, 32, 160, 128)")
    gimp.wait_for_status(title, "New picture, 160 × 128 px")
    gui.press(title, "Generate")
    gimp.wait_for_layers(3)
    assert gimp.layers()[0]["box"] == [40, 32, 160, 128]


def test_rows_stand_in_columns_and_no_row_is_for_saved_settings(gimp):
    gimp.open_scene()
    gui = gimp.gui
    gimp.open_dialog(TITLE)
    gimp.wait_for_status(TITLE, "steps")
    places = {place[0]: place for place in gui.places(TITLE, "combo box|spin button|slider")}
    lefts = {places[name][1] for name in ("Model", "Quality", "From", "Result")}
    assert len(lefts) == 1, places
    assert not gui.is_shown(TITLE, "Saved Settings")
    assert "Save Settings" not in gui.all_text(TITLE)
