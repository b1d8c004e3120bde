"""The studio panel's one process over two images: what it makes there equals what a process of its
own makes for each, and its window never waits. One run of the panel for all of it, in each GIMP."""

from __future__ import annotations

import pytest
from tests.gui.session import FEATHERED, RESULT_SECONDS, wait
from tests.gui.steps import run
from tests.gui.test_main_loop import MOST, slow
from tests.gui.test_studio import CHECKSUM, OPEN, TITLE, command, generate, open_panel, ready

pytestmark = pytest.mark.gui
MOON = {"prompt": 'a “moon” 🌙 "x"', "strength": 1.0, "seed": 7, "steps": 2}
HILLS = {"prompt": "山与水\nsecond line", "strength": 0.6, "seed": 2**32 - 1, "steps": 3}
BUTTONS = {1.0: "Fill Selection", 0.6: "Refine Selection at 60 %"}
TOP = "[l := image.get_layers()[0], l.get_name(), checksum(l), checksum(l.get_mask())][1:]"


def in_the_panel(gimp, settings):
    """Name and checksums of the layer that the panel makes in the image it is aimed at."""
    gui, button = gimp.gui, BUTTONS[settings["strength"]]
    gui.set_value(TITLE, "Strength", settings["strength"])
    ready(gimp, settings["prompt"], button, steps=settings["steps"])
    if not gui.checked(TITLE, "Keep seed"):
        gui.press(TITLE, "Keep seed")
    gui.set_value(TITLE, "Seed value", settings["seed"])
    layers = len(gimp.layers())
    generate(gimp, button)
    gimp.wait_for_layers(layers + 1)
    wait(lambda: gui.sensitive(TITLE, "Keep"), "the result on trial", RESULT_SECONDS)
    return gimp.read(TOP)


def alone(gimp, settings):
    """The same from a script, which is a process of its own, in the image as it was before."""
    gimp.gui.python("image.remove_layer(image.get_layers()[0])")
    given = {**settings, "random-seed": False, "steps-preset": "custom"}
    run(gimp, "regenerate-selection", **given)
    return gimp.read(TOP)


@pytest.fixture(scope="module")
def worked(session):
    """What the panel has made in two images, what processes of their own make of the same, and the
    calls that the panel's process has made meanwhile."""
    session.tidy()
    (session.watch / "libgimp").touch()
    before = {kind: len(session.noted(kind)) for kind in ("http", "libgimp")}
    gui = session.gui
    try:
        open_panel(session)
        gui.python("first = image")
        gui.press(TITLE, "History", "toggle button")
        gui.widget_showing(TITLE, "Find in the history")
        gui.press(TITLE, "History", "toggle button")  # folded, the prompt is in sight again
        together = [in_the_panel(session, MOON)]
        command(session, "compare")
        command(session, "compare")
        command(session, "keep", "image")
        session.open_scene(width=256, height=192, more=FEATHERED)
        gui.python("second = image")
        command(session, "aim", "image")
        wait(lambda: "192" in session.status_line(TITLE), "the plan of the other image")
        together.append(in_the_panel(session, HILLS))
        gui.press(TITLE, "Live painting")
        wait(lambda: gui.sensitive(TITLE, "Keep This"), "a live picture", RESULT_SECONDS)
        session.keep_evidence("studio-process")
        command(session, "close")
        gui.gone(TITLE)
        (session.watch / "libgimp").unlink()
        calls = {kind: session.noted(kind)[begun:] for kind, begun in before.items()}
        gui.python(CHECKSUM)
        apart = []
        for image, settings in (("first", MOON), ("second", HILLS)):
            gui.python(f"image = {image}")
            apart.append(alone(session, settings))
    finally:
        (session.watch / "libgimp").unlink(missing_ok=True)
        session.end_jobs()
        if session.read(OPEN):
            command(session, "close")
            gui.gone(TITLE)
        session.tidy()
    return {"together": together, "apart": apart, **calls}


def test_two_images_with_other_settings_get_what_they_would_get_alone(worked):
    assert worked["together"] == worked["apart"]
    (_, *first), (_, *second) = worked["together"]
    assert set(first).isdisjoint(second)


def test_the_panel_asks_in_threads(worked):
    calls = [call["call"] for call in worked["http"]]
    for asked in ("POST /v1/plan", "POST /v1/jobs", "GET /v1/jobs?", "GET /v1/models"):
        assert any(call.startswith(asked) for call in calls), asked
    assert [call for call in worked["http"] if call["main"]] == []


def test_its_calls_of_libgimp_are_short_and_of_the_main_thread(worked):
    calls = worked["libgimp"]
    assert len({call["call"] for call in calls}) > 20
    assert [call for call in calls if not call["main"]] == []
    assert slow(calls, MOST) == {}
