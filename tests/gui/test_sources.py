"""What a job starts from and where its result goes: never a result in place of its source, never
under what steers it."""

from __future__ import annotations

import pytest
from tests.gui.session import FEATHERED, LAYER, wait
from tests.gui.steps import fill_in, told, undo, unfold

pytestmark = pytest.mark.gui
TITLE = "Image to Image"
SOURCE = """[layer["tattoo"] for layer in json.loads(bytes(
    v & 255 for v in image.get_layers()[0].get_parasite("pentimento-job").get_data()
))["source"]["layers"]]"""
TREE = """[
    [layer.get_name(), layer.get_visible(),
     [child.get_name() for child in layer.get_children()] if layer.is_group() else []]
    for layer in image.get_layers()]"""
SELECTED = "[layer.get_name() for layer in image.get_selected_layers()]"
REGION = """
region = layer.copy()
region.set_name("region: snow")
image.insert_layer(region, None, 0)
image.set_selected_layers([layer])
"""


def test_a_selected_result_stands_for_what_it_was_made_from(gimp):
    gimp.open_scene()
    gui = gimp.gui
    gimp.open_dialog(TITLE)
    fill_in(gimp, TITLE, "hills", "Replace", steps=2)
    background = gimp.read("layer.get_tattoo()")
    gui.press(TITLE, "Generate")
    gimp.wait_for_layers(2)
    gimp.wait_for_news(TITLE, "Done: hills")
    assert gimp.read(SOURCE) == [background]
    assert gui.choice(TITLE, "From") == f"“{LAYER}”"
    wait(lambda: "“hills · 7”, the result" in gui.choices(TITLE, "From"), "the result")
    gui.press(TITLE, "Close")
    gui.gone(TITLE)
    gimp.open_dialog(TITLE)  # the result is selected now
    assert gui.choice(TITLE, "From") == f"“{LAYER}”"
    gui.choose(TITLE, "From", "“hills · 7”, the result")
    gimp.wait_for_status(TITLE, "from “hills · 7”, the result")


def test_another_layer_is_followed_and_the_status_says_so(gimp):
    gimp.open_scene(
        more="other = layer.copy()\nother.set_name('sky')\n"
        "image.insert_layer(other, None, 0)\nimage.set_selected_layers([layer])"
    )
    gui = gimp.gui
    gimp.open_dialog(TITLE)
    gimp.wait_for_status(TITLE, f"from “{LAYER}”")
    assert "selected now" not in gimp.status_line(TITLE)
    gui.python("image.set_selected_layers([other])")
    assert "this is the layer selected now" in gimp.wait_for_status(TITLE, "from “sky”")
    assert gui.choice(TITLE, "From") == "“sky”"


def test_further_tries_at_one_place_do_not_start_from_one_another(gimp):
    gimp.open_scene(more=FEATHERED)
    gui, title = gimp.gui, gimp.open_dialog("Regenerate Selection")
    fill_in(gimp, title, "a boat", "Repaint", steps=2)
    blobs = []
    for count in (2, 3):
        gui.press(title, "Generate")
        gimp.wait_for_layers(count)
        told(gimp)
        gimp.wait_for_status(title, "without the tries before")
        blobs.append(gimp.jobs()[0]["record"]["request"]["source"])
    assert blobs[0] == blobs[1]


def test_maps_hide_nothing_are_known_and_are_never_a_source(gimp):
    gimp.open_scene()
    before = gimp.snapshot()
    gui, title = gimp.gui, gimp.open_dialog("Make Control Layer")
    gui.press(title, "Create")
    gimp.wait_for_layers(2)
    wait(lambda: gimp.read(TREE)[0] == ["Control maps", False, [f"Edges of {LAYER}"]], "the map")
    assert gimp.read(SELECTED) == [LAYER]
    gui.gone(title)
    gimp.open_dialog(TITLE)
    assert gui.choice(TITLE, "From") == f"“{LAYER}”"
    unfold(gimp, TITLE, "Control and LoRAs", "Control 1")
    gui.choose(TITLE, "Control layer", f"Edges of {LAYER}")
    wait(lambda: "Drawn by Pentimento: Edges" in gui.all_text(TITLE), "what it is")
    wait(lambda: gui.checked(TITLE, "Layer already is a control map"), "the mark")
    assert gui.choice(TITLE, "Control 1") == "Edges"
    fill_in(gimp, TITLE, "hills", "Replace", steps=2)
    gui.press(TITLE, "Generate")
    gimp.wait_for_layers(3)
    record = told(gimp, number=1)
    (control,) = record["request"]["controls"]
    assert not control.get("preprocess")
    gui.press(TITLE, "Close")
    gui.gone(TITLE)
    gui.keys("GIMP", "ctrl+z")
    wait(lambda: len(gimp.layers()) == 2, "undo of the result")
    undo(gimp, before)


def test_a_result_lies_above_the_regions_that_guided_it(gimp):
    gimp.open_scene(more=REGION)
    gui = gimp.gui
    gimp.open_dialog(TITLE)
    unfold(gimp, TITLE, "Control and LoRAs", "Control 1")
    gui.press(TITLE, "Reference and regions")
    gui.widget_showing(TITLE, "Use “region: …” layers as local prompts")
    gui.press(TITLE, "Use “region: …” layers as local prompts")
    fill_in(gimp, TITLE, "hills", "Replace", steps=2)
    gui.press(TITLE, "Generate")
    gimp.wait_for_layers(3)
    assert [layer["name"] for layer in gimp.layers()] == ["hills · 7", "region: snow", LAYER]


def test_what_a_model_cannot_be_steered_by_is_gray(gimp):
    gimp.open_scene()
    gui = gimp.gui
    gimp.open_dialog(TITLE)
    gimp.wait_for_status(TITLE, "on this computer")
    unfold(gimp, TITLE, "Control and LoRAs", "Control 1")
    offered = gui.choices(TITLE, "Control 1")
    assert offered[:2] == ["Nothing", "Edges"]
    assert "Depth · no model for it, see Models" in offered
    live = gui.live_choices(TITLE, "Control 1")
    assert live == ["Nothing", "Edges"]


def test_the_status_tells_what_is_set_out_of_sight(gimp):
    gimp.open_scene()
    gui = gimp.gui
    gimp.open_dialog(TITLE)
    gui.set_value(TITLE, "Variations", 4)
    unfold(gimp, TITLE, "More options", "Add all stages as layers")
    gui.press(TITLE, "Add all stages as layers")
    gimp.wait_for_status(TITLE, "4 variations · all stages as layers")
    gui.press(TITLE, "Cancel")
    gui.gone(TITLE)
    gimp.open_dialog(TITLE)
    gimp.wait_for_status(TITLE, "4 variations · all stages as layers")
    assert gui.is_shown(TITLE, "Add all stages as layers")  # unfolded: it is not as usual
