"""The pictures of Expand, Upscale, Change Result and X/Y Plot; used by make_screenshots.py."""

from __future__ import annotations

import time

from shooting import DESELECT, REDRAW_SECONDS, shoot_gimp, take
from tests.gui.session import Session, wait

OPEN_PLOT = """
plot = next(item for item in image.get_layers() if item.get_name().startswith("X/Y"))
plot.set_expanded(True)
image.set_selected_layers(plot.get_children()[:1])
Gimp.displays_flush()
"""


def growing(session: Session) -> None:
    """Takes the pictures of Expand and of Upscale."""
    gui, title = session.gui, session.open_dialog("Expand")
    gui.set_text(title, "Prompt", "a harbor at night")
    gui.set_value(title, "Left", 25)
    gui.set_value(title, "Right", 25)
    session.wait_for_status(title, "the canvas becomes")
    take(session, title, "expand")
    gui.keys(title, "Escape")
    gui.gone(title)
    session.open_dialog("Upscale")
    session.wait_for_status("Upscale", "becomes")
    take(session, "Upscale", "upscale")
    gui.keys("Upscale", "Escape")
    gui.gone("Upscale")


def results(session: Session) -> None:
    """Takes the pictures of Change Result and X/Y Plot, and of the group that a plot becomes."""
    gui = session.gui
    gui.python("image.set_selected_layers(image.get_layers()[-2:-1])")  # of Image to Image
    title = session.open_dialog("Change Result")
    session.wait_for_status(title, "steps")
    take(session, title, "change-result")
    gui.keys(title, "Escape")
    gui.gone(title)
    title = session.open_dialog("X/Y Plot")
    gui.set_text(title, "Values down", "1, 2")
    session.wait_for_status(title, "6 pictures")
    take(session, title, "xy-plot")
    before = len(session.layers())
    wait(lambda: gui.sensitive(title, "Plot", "button|push button"), "the button")
    gui.press(title, "Plot", "button|push button")
    session.wait_for_layers(before + 1)
    gui.gone(title)
    gui.place("– GIMP", 0, 0, 1390, 865)
    gui.python(OPEN_PLOT)
    time.sleep(REDRAW_SECONDS)
    shoot_gimp(session, "xy-plot-group")
    gui.python("image.remove_layer(plot)\nGimp.displays_flush()")
    gui.python(DESELECT)
    gui.place("– GIMP", 0, 0, 1390, 760)
