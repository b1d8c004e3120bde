"""The generating actions as a person does them: menu, dialog, Generate, undo."""

from __future__ import annotations

import re

import pytest
from tests.gui.session import FEATHERED, LAYER, RESULT_SECONDS, wait
from tests.gui.steps import MASK_DIFFERENCE, fill_in, told, undo_and_redo

pytestmark = pytest.mark.gui


def test_image_to_image_makes_a_layer_at_the_source_and_one_undo_takes_it_back(gimp):
    gimp.open_scene()
    before = gimp.snapshot()
    title = gimp.open_dialog("Image to Image")
    fill_in(gimp, title, "a lighthouse at dusk", "Restyle")
    status = gimp.status_line(title)
    assert f"320 × 224 px from “{LAYER}”" in status
    gimp.gui.press(title, "Generate")
    made, source = gimp.wait_for_layers(2)
    assert made["name"] == "0.50 · a lighthouse at dusk · 7"
    assert made["box"] == source["box"] == [0, 0, 320, 224]
    record = gimp.jobs()[0]["record"]["request"]
    assert (record["mode"], record["strength"], record["seed"]) == ("img2img", 0.5, 7)
    undo_and_redo(gimp, before, 2)


def test_regenerated_selection_is_masked_by_the_selection_and_one_undo_takes_it_back(gimp):
    gimp.open_scene(more=FEATHERED)
    before = gimp.snapshot()
    title = gimp.open_dialog("Regenerate Selection")
    fill_in(gimp, title, "a boat", "Replace")
    assert re.search(
        r"\d+ × \d+ px around the selection, from everything visible", gimp.status_line(title)
    )
    gimp.gui.press(title, "Generate")
    gimp.wait_for_layers(2)
    told(gimp)
    made, _source = gimp.layers()
    assert made["name"] == "a boat · 7"
    assert made["mask"]
    assert gimp.read(MASK_DIFFERENCE) == 0
    undo_and_redo(gimp, before, 2)


def test_generate_again_adds_a_layer_with_another_seed(gimp):
    gimp.open_scene()
    title = gimp.open_dialog("Image to Image")
    fill_in(gimp, title, "hills")
    gimp.gui.press(title, "Generate")
    gimp.wait_for_layers(2)
    gimp.gui.menu("Generate Again")
    newest, first, _source = gimp.wait_for_layers(3)
    assert first["name"] == "0.50 · hills · 7"
    assert re.fullmatch(r"0.50 · hills · \d+", newest["name"])
    assert newest["name"] != first["name"]
    assert newest["box"] == first["box"]


def test_text_to_image_without_an_image_opens_a_new_one(gimp):
    title = gimp.open_dialog("Text to Image")
    fill_in(gimp, title, "a red barn", steps=2)
    gimp.gui.set_value(title, "Width", 128)
    gimp.gui.set_value(title, "Height", 96)
    gimp.wait_for_status(title, "128 × 96 px")
    gimp.gui.press(title, "Generate")
    gimp.gui.window("128x96", RESULT_SECONDS)
    gimp.gui.python("image = Gimp.get_images()[0]")
    (layer,) = gimp.layers()
    assert layer["name"] == "a red barn · 7"
    assert layer["box"] == [0, 0, 128, 96]


def test_cancel_in_the_progress_bar_ends_the_job_on_the_server(gimp):
    gimp.open_scene()
    before = gimp.snapshot()
    title = gimp.open_dialog("Image to Image")
    fill_in(gimp, title, "never finished", "Replace", steps=200)
    gimp.gui.press(title, "Generate")
    job = wait(gimp.at_work, "a job at work")
    gimp.gui.progress_cancel()
    wait(lambda: gimp.status_of(job) == "cancelled", "cancelled")
    assert gimp.differences(before) == []
