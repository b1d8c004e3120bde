"""A new result is seen at once, whatever was made before it, and its variations lie in one folded
group; one undo takes it back."""

from __future__ import annotations

import pytest
from tests.gui.session import LAYER, wait
from tests.gui.steps import run, undo

pytestmark = pytest.mark.gui
WORDS = "猫 “x” 🌙"
FAST = {"prompt": WORDS, "steps": 2, "random-seed": False}
TREE = """(lambda show: [show(layer) for layer in image.get_layers()])(lambda layer: [
    layer.get_name(), layer.get_visible(),
    [[child.get_name(), child.get_visible()] for child in layer.get_children()]]
    if layer.is_group() else layer.get_name())"""
SEEN = """(lambda copy: (copy.flatten(), list(bytes(copy.get_layers()[0].get_buffer().get(
    Gegl.Rectangle.new(0, 0, 64, 64), 1.0, "R'G'B' u8", 0))), copy.delete())[1])(
    image.duplicate())"""
PIXELS = """list(bytes({layer}.get_buffer().get(
    Gegl.Rectangle.new(0, 0, 64, 64), 1.0, "R'G'B' u8", 0)))"""
FIGURE = """
figure = Gimp.Layer.new(image, "figure", 20, 20, Gimp.ImageType.RGBA_IMAGE, 100,
                        Gimp.LayerMode.NORMAL)
image.insert_layer(figure, None, 0)
figure.set_offsets(10, 10)
figure.fill(Gimp.FillType.WHITE)
"""
GROUPED = """
group = Gimp.GroupLayer.new(image, "mine")
image.insert_layer(group, None, 0)
image.reorder_item(layer, group, 0)
"""


def names(gimp):
    return [layer["name"] for layer in gimp.layers()]


def is_seen(gimp, layer="image.get_layers()[0]"):
    return gimp.read(SEEN) == gimp.read(PIXELS.format(layer=layer))


def repaint(gimp, seed, strength, drawables="[layer]", **options):
    run(gimp, "img2img", drawables, strength=strength, seed=seed, **FAST, **options)


def test_each_result_of_one_layer_lies_above_the_ones_before_it(gimp):
    gimp.open_scene(64, 64)
    for seed, strength in ((1, 0.4), (2, 0.7), (3, 1.0)):
        repaint(gimp, seed, strength)
        assert is_seen(gimp)
    after_strength = [f"{WORDS} · 3", f"0.70 · {WORDS} · 2", f"0.40 · {WORDS} · 1"]
    assert names(gimp) == [*after_strength, LAYER]
    run(gimp, "generate-again", "[image.get_layers()[2]]")  # the oldest, under two others
    assert names(gimp)[0].startswith(f"0.40 · {WORDS} · ")
    assert is_seen(gimp)


def test_a_result_lies_above_a_picture_from_text_and_under_another_layers_result(gimp):
    gimp.open_scene(64, 64, more=FIGURE)
    repaint(gimp, 1, 0.5, "[figure]")
    repaint(gimp, 2, 0.5)
    assert names(gimp) == [f"0.50 · {WORDS} · 1", "figure", f"0.50 · {WORDS} · 2", LAYER]
    run(gimp, "txt2img", "[figure]", seed=3, width=64, height=64, **FAST)
    assert is_seen(gimp)
    repaint(gimp, 4, 0.5)
    assert names(gimp)[:2] == [f"0.50 · {WORDS} · 4", f"{WORDS} · 3"]
    assert is_seen(gimp)


def test_a_result_of_a_grouped_layer_lies_above_what_covers_its_group(gimp):
    gimp.open_scene(64, 64, more=GROUPED)
    run(gimp, "txt2img", "[group]", seed=3, width=64, height=64, **FAST)
    repaint(gimp, 4, 0.5)
    assert names(gimp) == [f"0.50 · {WORDS} · 4", f"{WORDS} · 3", "mine"]
    assert is_seen(gimp)


def test_variations_lie_in_one_folded_group_with_one_of_them_to_be_seen(gimp):
    gimp.open_scene(64, 64)
    before = gimp.snapshot()
    repaint(gimp, 7, 0.4, count=3)
    variations = [[f"{n}/3 0.40 · {WORDS} · {6 + n}", n == 1] for n in (1, 2, 3)]
    assert gimp.read(TREE) == [[WORDS, True, variations], LAYER]
    made = "image.get_layers()[0]"
    assert gimp.read(f"[{made}.get_expanded(), image.get_selected_layers() == [{made}]]") == [
        *(False, True)
    ]
    assert is_seen(gimp, f"{made}.get_children()[0]")
    undo(gimp, before)
    gimp.gui.keys("GIMP", "ctrl+y")
    wait(lambda: len(gimp.layers()) == 2, "redo")
    assert gimp.read(TREE) == [[WORDS, True, variations], LAYER]
    run(gimp, "generate-again", f"[{made}]")  # of a group, the one that is seen
    assert len(gimp.read(TREE)[0][2]) == 4
    assert is_seen(gimp, f"{made}.get_children()[0]")
    repaint(gimp, 11, 0.6)
    assert names(gimp) == [f"0.60 · {WORDS} · 11", WORDS, LAYER]


def test_maps_and_their_group_are_never_what_a_job_starts_from(gimp):
    gimp.open_scene(64, 64)
    run(gimp, "make-control-layer", map="canny")
    with pytest.raises(AssertionError, match="A control map steers"):
        repaint(gimp, 1, 0.5, "[image.get_layers()[0]]")
    with pytest.raises(AssertionError, match="A control map steers"):
        repaint(gimp, 1, 0.5, "[image.get_layers()[0].get_children()[0]]")
    gimp.gui.python("image.set_selected_layers([image.get_layers()[0]])")
    title = gimp.open_dialog("Image to Image")
    gimp.wait_for_status(title, f"from “{LAYER}”")
    offered = gimp.gui.choices(title, "From")
    assert offered == [f"“{LAYER}”", "Selected layers, merged", "Everything visible"]
    gimp.gui.python("image.remove_layer(layer)\nGimp.displays_flush()")  # the map stays
    gimp.gui.python("image.set_selected_layers([image.get_layers()[0].get_children()[0]])")
    wait(lambda: "Edges" not in "".join(gimp.gui.choices(title, "From")), "no map")
    wait(lambda: not gimp.gui.sensitive(title, "Generate"), "nothing to start from")
