"""A control layer and a LoRA, chosen in the dialog, are what the job gets."""

from __future__ import annotations

import pytest
from tests.gui.session import wait
from tests.gui.steps import fill_in, undo

pytestmark = pytest.mark.gui
STEERING = "Control and LoRAs"
DRAWING = """
drawing = layer.copy()
drawing.set_name("drawing")
image.insert_layer(drawing, None, 0)
image.set_selected_layers([layer])
"""


def test_a_layer_and_a_lora_chosen_in_the_dialog_steer_the_job(gimp):
    gimp.open_scene(more=DRAWING)
    before = gimp.snapshot()
    gui, title = gimp.gui, gimp.open_dialog("Image to Image")
    gui.press(title, STEERING)
    assert not gui.sensitive(title, "Control weight", "spin button")
    gui.choose(title, "Steer by", "Edges")
    wait(lambda: gui.sensitive(title, "Control weight", "spin button"), 5, "the weight")
    assert gui.choices(title, "Control layer")[:2] == ["The source itself", "drawing"]
    gui.choose(title, "Control layer", "drawing")
    gui.set_value(title, "Control weight", 0.7)
    gui.set_text(title, "LoRAs", "blueprint:0.6")
    fill_in(gimp, title, "hills", "New")
    gui.press(title, "Generate")
    gimp.wait_for_layers(3)
    request = gimp.jobs()[0]["record"]["request"]
    (control,) = request["controls"]
    assert (control["type"], control["model"], control["weight"]) == ("canny", "canny", 0.7)
    assert control["preprocess"]
    assert request["loras"] == [{"id": "blueprint", "weight": 0.6}]
    undo(gimp, before)
