"""What is chosen in the dialog to steer by is what the job gets and the layer tells: control
layers, LoRAs with weights, a VAE."""

from __future__ import annotations

import shutil

import pytest
from tests.gui.parts import write_parts
from tests.gui.session import LAYER, wait
from tests.gui.steps import fill_in, told, undo, unfold

pytestmark = pytest.mark.gui
STEERING = "Control and LoRAs"
MAPS = """[
    [layer.get_name() for layer in image.get_layers()[0].get_children()],
    image.get_layers()[0].get_visible(),
    [layer.get_name() for layer in image.get_selected_layers()],
]"""
DRAWING = """
drawing = layer.copy()
drawing.set_name("drawing")
image.insert_layer(drawing, None, 0)
image.set_selected_layers([layer])
"""


@pytest.fixture
def parts(gimp):
    """A LoRA `ink` and a VAE `warm` beside what the starter model brings."""
    write_parts(gimp.data)
    yield
    for folder in ("loras", "vaes"):
        shutil.rmtree(gimp.data / folder)


def test_a_layer_two_loras_and_a_vae_chosen_in_the_dialog_steer_the_job(gimp, parts):
    gimp.open_scene(more=DRAWING)
    before = gimp.snapshot()
    gui, title = gimp.gui, gimp.open_dialog("Image to Image")
    gui.press(title, STEERING)
    assert not gui.sensitive(title, "Control strength", "spin button")
    gui.choose(title, "Control 1", "Edges")
    wait(lambda: gui.sensitive(title, "Control strength", "spin button"), "the weight")
    assert gui.choices(title, "Control layer")[:2] == ["Same as source", "drawing"]
    gui.choose(title, "Control layer", "drawing")
    gui.set_value(title, "Control strength", 0.7)
    loras = wait(lambda: gui.choices(title, "Add a LoRA")[1:], "the server's LoRAs")
    for lora in loras:
        if lora != "quick":
            gui.choose(title, "Add a LoRA", lora)
    wait(lambda: "blueprint:1, ink:1" in gui.all_text(title), "both LoRAs")
    gui.set_text(title, "LoRAs", "blueprint:0.6, ink:0.3")
    fill_in(gimp, title, "hills", "Replace")
    unfold(gimp, title, "More options", "VAE")
    wait(lambda: gui.choices(title, "VAE") == ["The model's own", "warm"], "the VAE")
    gui.choose(title, "VAE", "warm")
    gui.press(title, "Generate")
    gimp.wait_for_layers(3)
    record = told(gimp)  # above the drawing, too
    (control,) = record["request"]["controls"]
    assert (control["type"], control["model"], control["weight"]) == ("canny", "canny", 0.7)
    assert control["preprocess"]
    assert record["request"]["loras"] == [
        {"id": "blueprint", "weight": 0.6},
        {"id": "ink", "weight": 0.3},
    ]
    assert (record["request"]["vae"], record["facts"]["vae"]) == ("warm", "warm")
    undo(gimp, before)


def test_a_map_is_made_in_the_dialog_and_a_second_control_is_chosen(gimp):
    gimp.open_scene()
    before = gimp.snapshot()
    gui, title = gimp.gui, gimp.open_dialog("Make Control Layer")
    assert gui.nameless(title) == []
    gui.choose(title, "Type", "Soft edges")
    wait(lambda: not gui.sensitive(title, "Weak edges from", "spin button"), "no thresholds")
    gui.choose(title, "Type", "Edges")
    gui.set_value(title, "Weak edges from", 20)
    gui.set_value(title, "Strong edges from", 40)
    gui.press(title, "Create")
    layers = gimp.wait_for_layers(2)
    assert [layer["name"] for layer in layers] == ["Control maps", LAYER]
    assert gimp.read(MAPS) == [[f"Edges of {LAYER}"], False, [LAYER]]
    undo(gimp, before)
    title = gimp.open_dialog("Image to Image")
    gui.press(title, STEERING)
    gui.choose(title, "Control 1", "Edges")
    gui.widget_showing(title, "Weak edges from", "spin button")
    assert gui.nameless(title) == []
    gui.choose(title, "Control 1", "Nothing")
    gui.press(title, "Control 2")
    gui.widget_showing(title, "Control 2", "combo box")
    gui.choose(title, "Control 2", "Edges")
    gui.set_value(title, "Control 2 strength", 0.4)
    gui.press(title, "Reference and regions")
    gui.widget_showing(title, "Reference 1", "combo box")
    assert gui.choices(title, "Reference 1") == ["None", LAYER]
    assert not gui.sensitive(title, "Reference 1 strength", "spin button")
    gui.choose(title, "Reference 2", LAYER)
    second = "Reference 2 strength"
    wait(lambda: gui.sensitive(title, second, "spin button"), "the second reference's weight")
    gui.choose(title, "Reference 2", "None")
    assert gui.nameless(title) == []
    fill_in(gimp, title, "hills", "Replace")
    gui.press(title, "Generate")
    gimp.wait_for_layers(2)
    (control,) = gimp.jobs()[0]["record"]["request"]["controls"]
    assert (control["type"], control["weight"]) == ("canny", 0.4)
