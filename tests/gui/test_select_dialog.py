"""Select Object and Cut Out Subject as a person uses them: the picture in the dialog, the mouse and
the keyboard on it, and one step of undo."""

from __future__ import annotations

import pytest
from tests.gui.session import LAYER, RESULT_SECONDS, wait
from tests.gui.steps import undo, undo_and_redo

pytestmark = pytest.mark.gui
CHOSEN = "[layer.get_name() for layer in image.get_selected_layers()]"
TITLE = "Select Object"
BUTTON = "button|push button"
PICTURE = "Picture"
SIZE = (514, 360)  # px of the picture of 320 × 224 px in the dialog
BALLS = """
Gimp.context_set_foreground(Gegl.Color.new("rgb(0.85, 0.15, 0.15)"))
for x in (40, 200):
    image.select_ellipse(Gimp.ChannelOps.REPLACE, x, 80, 80, 80)
    layer.edit_fill(Gimp.FillType.FOREGROUND)
Gimp.Selection.none(image)
"""
LEFT, RIGHT, GROUND = (80, 120), (240, 120), (160, 200)  # px of the image
SELECTED = """[image.get_selection().get_buffer().get(Gegl.Rectangle.new(x, y, 1, 1), 1.0, "Y u8",
    0)[0] for x, y in {places}]"""


def there(place):
    """A place of the image on the dialog's picture."""
    return round(place[0] * SIZE[0] / 320), round(place[1] * SIZE[1] / 224)


def selected(gimp):
    return gimp.read(SELECTED.format(places=[LEFT, RIGHT, GROUND]))


def ready(gimp, part="% of the source is selected"):
    gimp.wait_for_status(TITLE, part)
    wait(lambda: gimp.gui.sensitive(TITLE, "Select", BUTTON), "the button")


def clicked(gimp, *places, **more):
    gimp.gui.stroke(TITLE, PICTURE, [there(place) for place in places], **more)


def text(gimp, name):
    return gimp.gui.text(TITLE, name, "text|entry")


@pytest.fixture
def dialog(gimp):
    """The dialog over two red balls, with its fields for places open."""
    gimp.open_scene(more=BALLS)
    gimp.open_dialog(TITLE)
    ready(gimp)
    gimp.gui.press(TITLE, "Places in numbers")
    gimp.gui.widget_showing(TITLE, "Places on it")
    return gimp


def confirm(gimp):
    gimp.gui.press(TITLE, "Select", BUTTON)
    gimp.gui.gone(TITLE, RESULT_SECONDS)


def test_a_click_selects_what_it_is_on_and_undo_takes_it_back(dialog):
    before = dialog.snapshot()
    assert dialog.gui.nameless(TITLE) == []
    clicked(dialog, LEFT)
    wait(lambda: text(dialog, "Places on it"), "the place")
    x, y = (float(number) for number in text(dialog, "Places on it").split(","))
    assert abs(x - LEFT[0]) <= 1
    assert abs(y - LEFT[1]) <= 1
    ready(dialog, "Click where it is wrong")
    confirm(dialog)
    assert selected(dialog) == [255, 0, 0]
    chosen = dialog.read(CHOSEN)
    assert len(chosen) == 1
    undo_and_redo(dialog, before, 1)
    assert dialog.read(CHOSEN) == chosen  # else GIMP's menus are gray, and nobody knows why
    undo(dialog, before)
    assert dialog.read(CHOSEN) == chosen


def test_a_box_is_dragged_and_what_is_beside_is_shown_with_ctrl(dialog):
    clicked(dialog, (20, 70), (90, 120), (305, 175), key="shift")
    wait(lambda: text(dialog, "Box around it"), "the box")
    ready(dialog, "Click where it is wrong")
    clicked(dialog, RIGHT, key="ctrl")
    wait(lambda: text(dialog, "Places beside it"), "the place")
    ready(dialog, "Click where it is wrong")
    confirm(dialog)
    assert selected(dialog) == [255, 0, 0]


def test_the_keyboard_alone_selects_takes_back_and_cuts_out(dialog):
    gui, before = dialog.gui, dialog.snapshot()
    gui.stroke(TITLE, PICTURE, [there(LEFT)])
    wait(lambda: text(dialog, "Places on it"), "the place")
    gui.press(TITLE, "Take back")
    wait(lambda: not text(dialog, "Places on it"), "no place")
    ready(dialog, "For another object click on it")
    gui.keys(TITLE, *["Right"] * 16, "minus", *["Left"] * 32, "space")
    wait(lambda: text(dialog, "Places beside it") and text(dialog, "Places on it"), "places")
    assert float(text(dialog, "Places on it").split(",")[0]) < 90
    assert float(text(dialog, "Places beside it").split(",")[0]) > 230
    gui.choose(TITLE, "Result", "Cut-out layer")
    wait(lambda: not gui.is_shown(TITLE, "Mode", "combo box"), "no mode")
    ready(dialog, "Click where it is wrong")
    confirm(dialog)
    made, _scene = dialog.layers()
    assert (made["name"], made["mask"]) == (f"{LAYER}, cut out", True)
    undo_and_redo(dialog, before, 2)


def test_what_is_typed_is_shown_and_what_is_wrong_is_said(dialog):
    dialog.gui.set_text(TITLE, "Places on it", "links")
    dialog.wait_for_status(TITLE, "“links” is not X,Y.")
    assert not dialog.gui.sensitive(TITLE, "Select", BUTTON)
    dialog.gui.set_text(TITLE, "Places on it", "900,20")
    dialog.wait_for_status(TITLE, "outside of the source")
    dialog.gui.set_text(TITLE, "Places on it", "240,120")
    ready(dialog, "Click where it is wrong")
    confirm(dialog)
    assert selected(dialog) == [0, 255, 0]


def test_the_subject_is_cut_out_by_one_action(gimp):
    gimp.open_scene(
        more=BALLS + "image.select_rectangle(Gimp.ChannelOps.REPLACE, 25, 65, 110, 110)"
    )
    before = gimp.snapshot()
    gimp.menu("Cut Out Subject")
    assert not gimp.read("image.get_layers()[1].get_visible()")
    made, scene = gimp.layers()
    assert (made["name"], made["mask"]) == (f"{LAYER}, cut out", True)
    assert scene["name"] == LAYER
    undo_and_redo(gimp, before, 2)
