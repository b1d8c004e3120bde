"""What the dialogs offer for special images and for the edge, and that it is what happens."""

from __future__ import annotations

import pytest
from tests.gui.session import EVIDENCE, FEATHERED, LAYER, RESULT_SECONDS, wait
from tests.gui.steps import MASK_DIFFERENCE, fill_in, told, undo, unfold

pytestmark = pytest.mark.gui
TARGET, EDGES = "Result", "Edge and colors"
MARK = "Mark as made with AI in the metadata"
MARKED = b"digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
INDEXED = """
image.convert_indexed(
    Gimp.ConvertDitherType.NONE, Gimp.ConvertPaletteType.GENERATE, 8, False, False, "")
"""
GRAY = "image.convert_grayscale()"
HOLE = """
top = layer.copy()
top.add_alpha()
image.insert_layer(top, None, 0)
image.select_rectangle(Gimp.ChannelOps.REPLACE, 40, 40, 90, 60)
top.edit_clear()
Gimp.Selection.none(image)
"""
PALETTE = "[list(color.get_rgba()) for color in image.get_palette().get_colors()]"
MASK_BOX = """(lambda layer: (lambda data, width: (lambda used: [
    min(i % width for i in used), min(i // width for i in used),
    max(i % width for i in used), max(i // width for i in used), min(data[i] for i in used)])(
    [i for i, value in enumerate(data) if value]))(
    layer.get_mask().get_buffer().get(
        Gegl.Rectangle.new(0, 0, layer.get_width(), layer.get_height()), 1.0, "Y u8", 0),
    layer.get_width()))(image.get_layers()[0])"""  # first and last column and row, least value


def test_an_indexed_image_is_converted_in_the_one_undo_step_of_the_result(gimp):
    """Which is chosen by itself and told before; the dialog of another image forgets it."""
    gimp.open_scene(more=INDEXED)
    before, palette = gimp.snapshot(), gimp.read(PALETTE)
    gui, title = gimp.gui, gimp.open_dialog("Image to Image")
    gimp.wait_for_status(title, "converts the image first (undo restores it)")
    to_rgb, new_image = gui.choices(title, TARGET)
    assert (to_rgb, new_image) == ("New layer, with the image converted to RGB", "New image")
    assert gui.choice(title, TARGET) == to_rgb
    fill_in(gimp, title, "hills", "Restyle")
    gui.press(title, "Generate")
    gimp.wait_for_layers(2)
    assert gimp.snapshot()["type"] == "rgb"
    gimp.wait_for_news(title, "Done")
    gui.press(title, "Close")
    gui.gone(title)
    undo(gimp, before)
    assert gimp.read(PALETTE) == palette
    gimp.open_scene()
    gimp.open_dialog(title)
    assert gui.choice(title, TARGET) == "New layer"


def test_the_result_of_an_indexed_image_can_be_a_new_image(gimp):
    gimp.open_scene(more=INDEXED)
    before = gimp.snapshot()
    gui, title = gimp.gui, gimp.open_dialog("Image to Image")
    gui.choose(title, TARGET, "New image")
    fill_in(gimp, title, "hills")
    gui.press(title, "Generate")
    wait(lambda: len(gimp.read("[i.get_id() for i in Gimp.get_images()]")) == 2, "", RESULT_SECONDS)
    assert gimp.differences(before) == []
    made = "[i for i in Gimp.get_images() if i.get_id() != image.get_id()][0]"
    assert gimp.read(f"{made}.get_base_type().value_nick") == "rgb"
    assert gimp.read(f"[{made}.get_width(), {made}.get_height()]") == [320, 224]


def test_a_gray_image_offers_gray_and_rgb_and_an_rgb_image_neither(gimp):
    gimp.open_scene(more=GRAY)
    gui, title = gimp.gui, gimp.open_dialog("Image to Image")
    offered = ["New layer, in gray", "New layer, with the image converted to RGB", "New image"]
    assert gui.choices(title, TARGET) == offered
    gui.keys(title, "Escape")
    gui.gone(title)
    gimp.open_scene()
    title = gimp.open_dialog("Image to Image")
    assert gui.choices(title, TARGET) == ["New layer", "New image"]


def test_with_the_exact_edge_nothing_is_added_to_the_selection(gimp):
    gimp.open_scene(more=FEATHERED)
    gui, title = gimp.gui, gimp.open_dialog("Regenerate Selection")
    gui.press(title, EDGES)
    gui.set_value(title, "Feather", 9)
    gui.set_value(title, "Blend into surroundings", 5)
    assert gui.sensitive(title, "Feather", "spin button")
    gui.press(title, "Use the selection exactly")
    for name in ("Grow", "Feather", "Blend into surroundings"):
        wait(lambda name=name: not gui.sensitive(title, name, "spin button"), f"gray {name}")
    fill_in(gimp, title, "a boat", "Replace")
    gui.press(title, "Generate")
    gimp.wait_for_layers(2)
    told(gimp)
    assert gimp.read(MASK_DIFFERENCE) == 0
    assert "mask_options" not in gimp.jobs()[0]["record"]["request"]


def test_a_selection_without_words_is_filled_from_its_surroundings(gimp):
    """Which the record says; and how much around it is seen is chosen in the dialog."""
    gimp.open_scene(more=FEATHERED)
    gui, title = gimp.gui, gimp.open_dialog("Regenerate Selection")
    gimp.wait_for_status(title, "filled from the surroundings, without a model")
    gui.choose(title, "Filled by", "Model")
    gimp.wait_for_status(title, "begins with the colors of its surroundings")
    gui.choose(title, "Filled by", "Automatic")
    gimp.wait_for_status(title, "filled from the surroundings, without a model")
    gimp.gui.shot(EVIDENCE / "purpose.png")
    gui.choose(title, "Sees around it", "Whole picture")
    gimp.wait_for_status(title, "320 × 224 px around the selection")
    gui.press(title, "Generate")
    gimp.wait_for_layers(2)
    told(gimp)
    assert gimp.read(MASK_DIFFERENCE) == 0
    request = gimp.jobs()[0]["record"]["request"]
    assert (request["intent"], request["filled_by"]) == ("fill", "surroundings")
    assert request.get("prompt", "") == ""


def test_what_is_transparent_can_be_regenerated_without_a_selection(gimp):
    gimp.open_scene(more=HOLE)
    gui, title = gimp.gui, gimp.open_dialog("Regenerate Selection")
    gimp.wait_for_status(title, "Nothing is selected")
    gui.choose(title, "From", f"“{LAYER} copy”")
    gui.press(title, EDGES)
    gui.choose(title, "Area", "Transparency")
    fill_in(gimp, title, "a boat", "Repaint")
    gui.press(title, "Generate")
    gimp.wait_for_layers(3)
    told(gimp)
    made = gimp.layers()[0]
    left, top, right, bottom, least = gimp.read(MASK_BOX)
    x, y = made["box"][:2]
    assert [x + left, y + top, x + right, y + bottom, least] == [40, 40, 129, 99, 255]
    assert gimp.jobs()[0]["record"]["request"]["alpha"] == "opaque"


def test_transparency_is_offered_only_where_the_source_can_have_it(gimp):
    gimp.open_scene(more=HOLE)
    gui, title = gimp.gui, gimp.open_dialog("Image to Image")
    gui.press(title, "More options")
    gui.widget_showing(title, "Under transparency")
    gui.choose(title, "From", "Everything visible")  # has an opaque layer below
    wait(lambda: "Under transparency" not in gui.all_text(title), "end of transparency")
    gui.choose(title, "From", f"“{LAYER} copy”")
    gui.widget_showing(title, "Under transparency")


def test_the_mark_for_ai_reaches_the_exported_file_and_one_undo_takes_it_back(gimp):
    gimp.open_scene()
    before = gimp.snapshot()
    gui, title = gimp.gui, gimp.open_dialog("Image to Image")
    fill_in(gimp, title, "hills")
    unfold(gimp, title, "More options", MARK)
    assert not gui.checked(title, MARK)
    gui.press(title, MARK)
    gui.press(title, "Generate")
    gimp.wait_for_layers(2)
    assert MARKED in gimp.jpeg()
    undo(gimp, before)
    assert MARKED not in gimp.jpeg()
