"""An image that is closed while its job runs: the finished picture opens as an image of its own."""

from __future__ import annotations

import pytest
from tests.gui.session import CLOSE_ALL, RESULT_SECONDS, wait
from tests.gui.steps import fill_in, told

pytestmark = pytest.mark.gui
IMAGES = "[[i.get_width(), i.get_height(), len(i.get_layers())] for i in Gimp.get_images()]"


def test_a_picture_whose_image_was_closed_meanwhile_opens_as_a_new_one(gimp):
    gimp.open_scene()
    title = gimp.open_dialog("Image to Image")
    fill_in(gimp, title, "一座灯塔 “黄昏”", "Replace", steps=100)
    gimp.gui.press(title, "Generate")
    wait(gimp.at_work, "a job at work")
    gimp.gui.python(CLOSE_ALL)
    wait(lambda: gimp.read(IMAGES) == [[320, 224, 1]], "an image with the result", RESULT_SECONDS)
    gimp.wait_for_message("The image was closed before the result arrived.")
    assert "The result is open as an image of its own." in gimp.message()
    gimp.gui.python("image = Gimp.get_images()[0]")
    (layer,) = gimp.layers()
    assert layer["name"] == "一座灯塔 “黄昏” · 7"
    assert told(gimp)["request"]["prompt"] == "一座灯塔 “黄昏”"
