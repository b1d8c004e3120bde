#!/usr/bin/env python3
"""Makes the pictures of docs/studio.md with a real GIMP, a real server and the starter model:

python docs/make_studio.py [SUITE]        trixie (GIMP 3.0) or sid (GIMP 3.2)
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

REPO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPO))

from shooting import IMAGES, TOP
from tests.gui.gui import HOST, roots
from tests.gui.session import Session, wait

PHOTO = REPO / "examples" / "photo.jpg"
TITLE = "Studio Panel"
SIZE = 390, 860  # px of the panel
OPEN = """
from gi.repository import Gegl, Gio
image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path({path}))
width, height = image.get_width(), image.get_height()
display = Gimp.Display.new(image)
image.select_ellipse(Gimp.ChannelOps.REPLACE, *[round(v) for v in (
    width * 0.55, height * 0.1, width * 0.3, height * 0.35)])
Gimp.Selection.feather(image, width / 40)
Gimp.displays_flush()
"""
STROKE = """
Gimp.context_set_foreground(Gegl.Color.new("rgb(0.95, 0.8, 0.2)"))
Gimp.context_set_brush_size(width / 9)
Gimp.paintbrush_default(image.get_layers()[-1],
                        [width * 0.66, height * 0.24, width * 0.72, height * 0.28])
Gimp.displays_flush()
"""


def results(session: Session) -> None:
    """A job at work, then four results with the third one on the canvas."""
    gui = session.gui
    gui.set_text(TITLE, "Prompt", "a yellow moon, at night")
    gui.set_value(TITLE, "Variations", 4)
    session.wait_for_status(TITLE, "steps")
    before = len(session.layers())
    gui.press(TITLE, "Fill Selection")
    wait(lambda: gui.is_shown(TITLE, "Preview"), "a preview", 120)
    gui.shot(IMAGES / "studio-working.png", TITLE)
    session.wait_for_layers(before + 1)
    wait(lambda: gui.is_shown(TITLE, "Result 3 of 4"), "four results")
    gui.click(TITLE, "Result 3 of 4")
    wait(lambda: session.layers()[0]["name"].startswith("3/4"), "the third result")
    gui.shot(IMAGES / "studio-panel.png", TITLE)


def history(session: Session) -> None:
    gui = session.gui
    gui.press(TITLE, "Discard")
    gui.place(TITLE, 960, 0, SIZE[0], 1240)
    gui.press(TITLE, "History", "toggle button")
    words = "a yellow moon, at night"
    wait(lambda: words in gui.group_text(TITLE, "Earlier jobs"), "the history")
    gui.click(TITLE, words, role="list item")
    wait(lambda: gui.is_shown(TITLE, "Use Settings"), "its buttons")
    gui.shot(IMAGES / "studio-history.png", TITLE)
    gui.press(TITLE, "History", "toggle button")


def live(session: Session) -> None:
    """A stroke that has been repainted."""
    gui = session.gui
    gui.place(TITLE, 960, TOP, SIZE[0], 1000)
    gui.press(TITLE, "Live painting")
    wait(lambda: gui.is_shown(TITLE, "Keep This"), "live painting")
    wait(lambda: gui.sensitive(TITLE, "Keep This"), "a live picture", 120)
    before = len(session.jobs())
    gui.python(STROKE)
    wait(lambda: len(session.jobs()) > before, "a picture of the stroke")
    wait(lambda: session.jobs()[0]["status"] == "succeeded", "its end")
    wait(lambda: "picture" in gui.all_text(TITLE), "the rate")
    gui.shot(IMAGES / "studio-live.png", TITLE)
    gui.press(TITLE, "Live painting")


def main() -> None:
    suite = sys.argv[1] if len(sys.argv) > 1 else "trixie"
    with Session(roots()[suite]) as session:
        gui = session.gui
        gui.python(OPEN.format(path=json.dumps(f"{HOST}{PHOTO}")))
        gui.window("{}x{}".format(*session.read("[width, height]")))
        gui.menu("Studio Panel...")
        gui.window(TITLE)
        gui.place(TITLE, 960, TOP, *SIZE)
        for part in (results, history, live):
            part(session)
        gui.keys(TITLE, "ctrl+w")
        gui.gone(TITLE)


if __name__ == "__main__":
    main()
