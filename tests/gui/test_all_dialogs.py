"""Every other window of the plug-in on every size of screen and in three languages, with everything
unfolded: its buttons are on the screen, no number or label is cut, no letter opens two widgets,
nothing is in English where GIMP is not, and Escape closes it without a complaint of GTK. The
dialogs that test_screens.py also tabs through are looked at there."""

from __future__ import annotations

import re

import pytest
from tests.gui.screens import (
    PAIRWISE,
    check,
    close,
    complaints,
    label_of,
    name_of,
    opened,
    unfold_everything,
)
from tests.gui.session import wait
from tests.gui.steps import run

pytestmark = [
    pytest.mark.gui,
    pytest.mark.parametrize("screen", PAIRWISE, indirect=True, ids=name_of),
]
DIALOGS = {  # the menu's label: the title of the window
    "Rep_lace Background...": "Replace Background",
    "E_xpand...": "Expand",
    "U_pscale...": "Upscale",
    "Select _Object...": "Select Object",
    "_Harmonize Layer...": "Harmonize Layer",
    "_Where to Run...": "Where to Run",
    "_Models...": "Models",
    "_Server...": "Pentimento Server",
    "_Doctor...": "Pentimento Doctor",
}
OF_A_RESULT = ("Change Result", "X/Y Plot")
SERVICE = "OpenAI images"  # the one with most to set up
WIDTHS = (320, 400, 600)  # px of the studio panel
FRAME = 60  # px at most of a window's frame and title
TOP = "image.get_layers()[0]"
SEEN = f"[one.get_visible() for one in {TOP}.get_children()]"


def test_every_dialog_fits_and_speaks_the_language(screen):
    for label, name in DIALOGS.items():
        title = opened(screen, name, label)
        unfold_everything(screen, title)
        check(screen, title, name)
        close(screen, title)
    assert complaints(screen) == []


def test_what_is_done_with_results_fits_and_works_from_the_menu(screen):
    gui, said, words = screen.gui, screen.said, "红 “red” é"

    def status(title):
        return gui.group_text(title, said("What will happen"))

    seed = {"random-seed": False, "seed": 4294967280}  # as many digits as there can be
    run(screen, "regenerate-selection", prompt=words, count=2, steps=1, **seed)
    wait(lambda: screen.read(SEEN) == [True, False], "two variations")
    for name in OF_A_RESULT:
        title = opened(screen, name)
        unfold_everything(screen, title)
        wait(lambda title=title: said("Asking the server…") not in status(title), "the plan")
        assert not re.search(r"[,，、] *·", status(title)), "a comma with nothing after it"
        check(screen, title, name)
        close(screen, title)
    for entry, seen in (
        *(("_Next Variation", [False, True]), ("_Previous Variation", [True, False])),
        *(("_Next Variation", [False, True]), ("_Sort Variations by Seam", [True, False])),
    ):
        screen.menu(label_of(screen, entry))
        assert screen.read(SEEN) == seen, entry
    screen.menu(label_of(screen, "_Keep Variation"))
    assert not screen.read(f"{TOP}.is_group()")
    kept = screen.layers()[0]["name"]
    assert words in kept
    assert "/2" not in kept
    gui.python(f"image.remove_layer({TOP})\nGimp.displays_flush()")
    assert complaints(screen) == []


def test_studio_panel_fits_at_every_width(screen):
    """Its column scrolls, so that its buttons need not be on the screen all at once."""
    gui, said = screen.gui, screen.said
    title = opened(screen, "Studio Panel")
    asking, status = said("Asking the server…"), said("What will happen")
    wait(lambda: asking not in gui.group_text(title, status), "the plan")
    unfold_everything(screen, title)
    height = screen.space[1]
    for wide in WIDTHS:
        gui.place(title, 0, 0, wide * screen.scale, (height - FRAME) * screen.scale)
        inside = lambda wide=wide: all(  # noqa: E731
            x >= 0 and x + w <= wide + FRAME for _name, x, _y, w, _h in gui.places(title)
        )
        wait(inside, f"everything within {wide} px")
        check(screen, title, f"Studio Panel {wide}")
    gui.keys(title, "ctrl+w")
    gui.gone(title)
    assert complaints(screen) == []


def test_thresholds_of_edges_have_room_for_their_numbers(screen):
    gui, said = screen.gui, screen.said
    title = opened(screen, "Image to Image")
    unfold_everything(screen, title)
    gui.choose(title, said("Control 1"), said("Edges"))
    for edges in ("Weak edges from", "Strong edges from"):
        gui.widget_showing(title, said(edges), "spin button")
    check(screen, title, "Image to Image with edges")
    close(screen, title)


def test_help_and_the_consent_to_a_service_speak_the_language(screen):
    gui, said = screen.gui, screen.said
    title = opened(screen, "Image to Image")
    gui.keys(title, "F1")
    window = gui.window(said("Help: {action}").format(action=said("Image to Image")))
    check(screen, window, "Help")
    assert screen.text_with(window, said("begins the work"))
    close(screen, window)
    close(screen, title)
    title = opened(screen, "Where to Run", "_Where to Run...")
    set_up = said("Set Up {service}").format(service=SERVICE)
    wait(lambda: said("This computer") in gui.all_text(title), "the places")
    gui.press(title, set_up, "button|push button", showing=False)
    gui.window(set_up)
    wait(lambda: SERVICE.split()[0] in gui.all_text(set_up), "who gets what")
    check(screen, set_up, "Set Up")
    close(screen, set_up)
    close(screen, title)
    assert complaints(screen) == []
