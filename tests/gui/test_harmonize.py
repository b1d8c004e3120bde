"""Harmonize Layer as a person uses it: what the dialog offers, three layers, and one step of
undo."""

from __future__ import annotations

import pytest
from tests.gui.session import LAYER, RESULT_SECONDS, wait
from tests.gui.steps import undo_and_redo

pytestmark = pytest.mark.gui
TITLE = "Harmonize Layer"
BUTTON = "button|push button"
PASTED = """
pasted = Gimp.Layer.new(image, "pasted", 120, 100, Gimp.ImageType.RGBA_IMAGE, 100,
    Gimp.LayerMode.NORMAL)
image.insert_layer(pasted, None, 0)
pasted.set_offsets(90, 70)
image.select_ellipse(Gimp.ChannelOps.REPLACE, 100, 80, 80, 80)
Gimp.context_set_foreground(Gegl.Color.new("rgb(0.9, 0.88, 0.84)"))
pasted.edit_fill(Gimp.FillType.FOREGROUND)
Gimp.Selection.none(image)
image.set_selected_layers([pasted])
"""


def test_a_pasted_layer_gets_three_layers_in_one_step_of_undo(gimp):
    gimp.open_scene(more=PASTED)
    before = gimp.snapshot()
    gimp.open_dialog(TITLE)
    assert gimp.gui.nameless(TITLE) == []
    gimp.gui.widget_showing(TITLE, "Instruction", "text|entry")
    gimp.gui.choose(TITLE, "Way", "Computed")
    wait(lambda: not gimp.gui.is_shown(TITLE, "Instruction", "text|entry"), "no instruction")
    gimp.gui.press(TITLE, "Harmonize", BUTTON)
    gimp.gui.gone(TITLE, RESULT_SECONDS)
    gimp.wait_for_layers(5)
    names = [layer["name"] for layer in gimp.layers()]
    assert names == [
        *("pasted: edge", "pasted: light and color"),
        *("pasted", "pasted: shadow", LAYER),
    ]
    assert gimp.read("[layer.get_name() for layer in image.get_selected_layers()]") == ["pasted"]
    undo_and_redo(gimp, before, 5)


def test_a_hidden_layer_is_told_in_the_dialog(gimp):
    gimp.open_scene(more=PASTED + "pasted.set_visible(False)")
    before = gimp.snapshot()
    gimp.open_dialog(TITLE)
    gimp.gui.press(TITLE, "Harmonize", BUTTON)
    wait(lambda: "The layer is hidden." in gimp.gui.all_text(TITLE), "the reason")
    gimp.gui.keys(TITLE, "Escape")
    gimp.gui.gone(TITLE)
    assert gimp.differences(before) == []
