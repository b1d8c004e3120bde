"""How it was made, asked for in the dialog: one undo step takes the result and its story away."""

from __future__ import annotations

import pytest
from tests.gui.session import wait
from tests.gui.steps import fill_in, undo, unfold

pytestmark = pytest.mark.gui
SELECTED = "[layer.get_name() for layer in image.get_selected_layers()]"


def test_the_stages_come_with_the_result_and_go_in_one_undo_step(gimp):
    gimp.open_scene()
    before = gimp.snapshot()
    gui, title = gimp.gui, gimp.open_dialog("Image to Image")
    fill_in(gimp, title, "hills", "Restyle")
    unfold(gimp, title, "More options", "Add all stages as layers")
    gui.press(title, "Add all stages as layers")
    wait(lambda: gui.checked(title, "Add all stages as layers"), "the mark")
    gui.press(title, "Generate")
    gimp.wait_for_layers(3)
    wait(lambda: gimp.read(SELECTED) == ["0.50 · hills · 7"], "the end of the undo step")
    assert [layer["name"] for layer in gimp.layers()][:2] == ["How it was made", "0.50 · hills · 7"]
    assert gimp.jobs()[0]["record"]["request"]["observe"]
    undo(gimp, before)
