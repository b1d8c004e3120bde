"""The dialog of Replace Background: it follows what is typed, and goes on with the same subject."""

from __future__ import annotations

import pytest
from tests.gui.session import wait
from tests.gui.steps import undo

pytestmark = pytest.mark.gui
TITLE, GO = "Replace Background", "Replace background"
WORDS = "日落时的海滩 🏖"
DISC = """
image.select_ellipse(Gimp.ChannelOps.REPLACE, 120, 60, 80, 100)
Gimp.context_set_foreground(Gegl.Color.new("red"))
image.get_layers()[0].edit_fill(Gimp.FillType.FOREGROUND)
Gimp.Selection.none(image)
"""


def test_another_background_comes_behind_the_same_subject(gimp):
    gimp.open_scene(more="from gi.repository import Gegl\n" + DISC)
    before = gimp.snapshot()
    (scene,) = gimp.layers()
    gui, title = gimp.gui, gimp.open_dialog(TITLE)
    gimp.wait_for_status(title, "Describe the new background")
    assert not gui.sensitive(title, GO)
    gui.set_text(title, "Background", WORDS)
    wait(lambda: gui.sensitive(title, GO), "the words to be known")
    gimp.wait_for_status(title, "trained on English")
    gui.set_value(title, "Steps", 1)
    gimp.wait_for_status(title, "1 step")
    gui.press(title, GO)
    gimp.wait_for_layers(3)
    gimp.wait_for_news(title, "Done")
    assert f"from “{scene['name']}”" in gimp.status_line(title)
    wait(lambda: gui.sensitive(title, GO), "the button")
    gui.press(title, GO)
    names = [layer["name"] for layer in gimp.wait_for_layers(5)]
    assert sum("cut out" in name for name in names) == 2
    assert not any("cut out, cut out" in name for name in names)
    gimp.keep_evidence("another-background")
    gui.keys(title, "Escape")
    gui.gone(title)
    gui.keys("GIMP", "ctrl+z")
    wait(lambda: len(gimp.layers()) == 3, "the first undo")
    undo(gimp, before)
