"""Services on the network, chosen and set up in the dialogs: nothing leaves before it is agreed to,
and the result comes back as any other does."""

from __future__ import annotations

import re

import numpy as np
import pytest
from tests.gui.session import FEATHERED, wait
from tests.gui.steps import MASK_DIFFERENCE, undo, unfold
from tests.remote.standins.a1111 import A1111
from tests.remote.standins.bfl import BlackForestLabs
from tests.remote.standins.comfyui import ComfyUI
from tests.remote.standins.horde import Horde
from tests.remote.standins.openai import OpenAI

pytestmark = pytest.mark.gui
TITLE = "Regenerate Selection"
OPENAI, HORDE = "OpenAI images", "AI Horde"
COMFYUI = "ComfyUI"
LABS = "Black Forest Labs"
EDIT = "Edit by Instruction"
A1111_TITLE = "AUTOMATIC1111-compatible server"
CONSENT = "I agree to send the image area and my prompts to {}"
DARK_GROUND = """
Gimp.context_set_foreground(Gegl.Color.new("black"))
image.select_rectangle(Gimp.ChannelOps.REPLACE, 0, 112, 320, 112)
layer.edit_fill(Gimp.FillType.FOREGROUND)
"""  # its horizon is an edge at the usual thresholds
SECONDS = 60  # for a job whose service answers at once


@pytest.fixture
def openai(gimp):
    """A stand-in for OpenAI at the address of the settings; no key, no consent."""
    yield from stand_in(gimp, "openai", OpenAI())


@pytest.fixture
def horde(gimp):
    """The same for AI Horde, which needs no key and cannot fill a selection."""
    yield from stand_in(gimp, "horde", Horde())


@pytest.fixture
def labs(gimp):
    """The same for Black Forest Labs, which takes the edges of a picture."""
    yield from stand_in(gimp, "bfl", BlackForestLabs())


@pytest.fixture
def comfyui(gimp):
    """The same for ComfyUI."""
    yield from stand_in(gimp, "comfyui", ComfyUI())


@pytest.fixture
def a1111(gimp):
    """The same for AUTOMATIC1111, the first in the list."""
    yield from stand_in(gimp, "a1111", A1111())


def stand_in(gimp, service, running):
    path = f"/v1/backends/{service}"
    gimp.server.ask(path, "PUT", {"base_url": running.base_url})
    yield running
    gimp.server.ask(path + "/consent", "POST", {"agreed": False})
    gimp.server.ask(path + "/key", "DELETE")
    gimp.server.ask(path, "PUT", {"base_url": None, "model": None, "price": None})
    running.close()


def choose_service(gimp, service, missing):
    """Opens the dialog for a feathered selection and chooses a service that is not set up yet."""
    gui = gimp.gui
    gimp.open_scene(more=DARK_GROUND + FEATHERED)
    before = gimp.snapshot()
    gimp.open_dialog(TITLE)
    unfold(gimp, TITLE, "More options", "Run on")
    wait(lambda: any(service in text for text in gui.choices(TITLE, "Run on")), "places")
    gui.choose(TITLE, "Run on", f"{service} · {missing}")
    gui.set_text(TITLE, "Prompt", "a green door")
    return before


def generate(gimp, service, key=""):
    """Presses Generate and agrees to what is asked before the first picture leaves."""
    gui, title = gimp.gui, f"Set Up {service}"
    gui.press(TITLE, "Generate")
    gui.window(title)
    if key:
        gui.set_text(title, "Key", key)
    gui.press(title, CONSENT.format(service))
    gui.press(title, "Save")
    gui.gone(title)


def test_nothing_leaves_before_it_is_agreed_to(gimp, openai):
    before = choose_service(gimp, OPENAI, "needs your consent")
    gui, title = gimp.gui, f"Set Up {OPENAI}"
    gimp.wait_for_status(TITLE, "repaints the selection; it decides by itself")
    gui.press(TITLE, "Generate")
    gui.window(title)
    told = gimp.text_with(title, "This job: sends")
    assert "whoever runs the server at the address you entered" in told
    gui.press(title, "Save")
    wait(lambda: "Nothing can be sent yet" in gui.all_text(title), "the refusal")
    gimp.keep_evidence("consent")
    gui.press(title, "Cancel")
    gui.gone(title)
    gui.keys(TITLE, "Escape")
    gui.gone(TITLE)
    assert openai.calls == []
    assert gimp.differences(before) == []


def test_lines_of_the_selection_steer_a_new_picture_in_its_place(gimp, horde):
    before = choose_service(gimp, HORDE, "needs your consent")
    gimp.gui.set_value(TITLE, "Strength", 0.5)
    status = gimp.wait_for_status(TITLE, "the lines of the selection steer a new picture")
    assert re.search(r"sends \d+ × \d+ px", status)
    generate(gimp, HORDE)
    made, source = gimp.wait_for_layers(2)
    assert made["mask"]
    assert gimp.read(MASK_DIFFERENCE) == 0
    assert inside(made["box"], source["box"])
    (asked,) = horde.asked
    lit = np.asarray(asked.control.convert("L")) > 127
    row = int(np.argmax(lit.sum(1)))  # of the horizon in the map
    assert lit[row].mean() > 0.8
    _x, y, _width, height = made["box"]
    assert abs(y + row / lit.shape[0] * height - 112) < 4 * height / lit.shape[0] + 2
    record = gimp.jobs()[0]["record"]
    assert record["facts"]["route"]["kind"] == "control"
    assert record["request"]["backend"] == "horde"
    gimp.keep_evidence("steered")
    undo(gimp, before)


def test_comfyui_fills_a_selection_as_a_masked_layer(gimp, comfyui):
    before = choose_service(gimp, COMFYUI, "needs your consent")
    generate(gimp, COMFYUI, comfyui.key)  # as a proxy before it may ask for one
    made, source = gimp.wait_for_layers(2)
    assert made["mask"]
    assert gimp.read(MASK_DIFFERENCE) == 0
    assert inside(made["box"], source["box"])
    (asked,) = comfyui.asked
    assert asked.prompt == "a green door"
    assert set(np.unique(np.asarray(asked.mask.convert("L")))) == {0, 255}
    assert gimp.jobs()[0]["record"]["request"]["backend"] == "comfyui"
    gimp.keep_evidence("comfyui")
    undo(gimp, before)


def inside(box, other):
    x, y, width, height = box
    left, top, across, down = other
    return left <= x and top <= y and x + width <= left + across and y + height <= top + down


def test_a_service_that_dies_on_the_way_is_told_and_changes_nothing(gimp, horde):
    horde.waiting = True
    before = choose_service(gimp, HORDE, "needs your consent")
    generate(gimp, HORDE)
    assert horde.looked.wait(SECONDS)
    horde.die()
    gimp.wait_for_news(TITLE, HORDE, SECONDS)
    assert horde.accepted == 1
    assert gimp.differences(before) == []


def test_a_wrong_key_is_told_in_the_dialog_and_after_it(gimp, openai):
    before = choose_service(gimp, OPENAI, "needs your consent")
    gui, title = gimp.gui, f"Set Up {OPENAI}"
    gui.press(TITLE, "Set Up…")
    gui.window(title)
    gui.set_text(title, "Key", "wrong")
    gui.press(title, CONSENT.format(OPENAI))
    gui.press(title, "Save and Test")
    told = wait(lambda: (text := gui.all_text(title)) and "✗" in text and text, "the refusal")
    assert "wrong" not in told.split("✗")[1]
    gimp.keep_evidence("wrong-key")
    gui.press(title, "Save")
    gui.gone(title)
    gui.press(TITLE, "Generate")
    assert "key" in gimp.wait_for_news(TITLE, OPENAI, SECONDS)
    assert openai.accepted == 0
    assert gimp.differences(before) == []


def test_price_size_and_quality_are_set_up(gimp, openai):
    """What is no number is refused in words, and nothing is kept of it."""
    choose_service(gimp, OPENAI, "needs your consent")
    gui, title = gimp.gui, f"Set Up {OPENAI}"
    gui.press(TITLE, "Set Up…")
    gui.window(title)
    gui.set_text(title, "Price of a picture (US$)", "0,25")
    gui.set_text(title, "Best size (px)", "77777")
    gui.press(title, "Save")
    wait(lambda: "“77777” is no size" in gui.all_text(title), "the refusal")
    gui.set_text(title, "Best size (px)", "768")
    gui.choose(title, "Quality", "medium")
    gui.press(title, "Takes strength, seed, steps and guidance, too")
    gimp.keep_evidence("set-up-fields")
    gui.press(title, "Save")
    gui.gone(title)
    told = gimp.server.ask("/v1/backends")["backends"]
    [kept] = [one for one in told if one["id"] == "openai"]
    assert kept["chosen"] == {"price": 0.25, "native_size": 768, "picture_quality": "medium"}
    assert kept["extras"]
    gui.keys(TITLE, "Escape")
    gui.gone(TITLE)
    more = {"native_size": None, "picture_quality": None, "extras": False}
    gimp.server.ask("/v1/backends/openai", "PUT", more)


def test_every_place_is_told_with_what_it_costs_and_who_sees_it(gimp, a1111):
    gui, title = gimp.gui, gimp.open_dialog("Where to Run")
    told = wait(lambda: (text := gui.all_text(title)) and A1111_TITLE in text and text, "places")
    for part in (
        "Recommended: This computer",
        "Nothing leaves this machine.",
        "Repaints",
        "A quick try, no download",
        "A picture",
    ):
        assert part in told
    assert f"{A1111_TITLE} · needs your consent" in told
    set_up = f"Set Up {A1111_TITLE}"
    gui.press(title, set_up)
    gui.window(set_up)
    gui.press(set_up, CONSENT.format(A1111_TITLE))
    gui.press(set_up, "Save")
    gui.gone(set_up)
    wait(lambda: f"{A1111_TITLE} · ready" in gui.all_text(title), "the service as it is now")
    gui.place(title, 100, 100, 760, 360)
    guide = "A quick try, no download"
    wait(lambda: gui.is_shown(title, guide), "the top of the window")
    gui.keys(title, *["Page_Down"] * 4)
    wait(lambda: not gui.is_shown(title, guide), "the window scrolled")
    gimp.keep_evidence("places-scrolled")
    assert gui.is_shown(title, "Repaints"), "the table's heads stay"
    gui.press(title, "Close")
    gui.gone(title)


def test_a_place_is_compared_for_this_job_and_taken(gimp, a1111):
    """The mode and the number of pictures of the job count for what is told."""
    gui = gimp.gui
    gimp.server.ask("/v1/backends/a1111", "PUT", {"price": 0.04})
    gimp.open_scene(more=DARK_GROUND + FEATHERED)
    gimp.open_dialog(TITLE)
    unfold(gimp, TITLE, "More options", "Run on")
    compare = "Compare all places…"
    wait(lambda: compare in gui.choices(TITLE, "Run on"), "places")
    gui.set_value(TITLE, "Variations", 3)
    gimp.wait_for_status(TITLE, "3 variations")
    gui.choose(TITLE, "Run on", compare)
    places = "Where to Run"
    gui.window(places)
    wait(lambda: A1111_TITLE in gui.all_text(places), "the table")
    assert "This job" in gimp.text_with(places, "$0.12")  # of three pictures
    gimp.keep_evidence("compared")
    gui.press(places, f"Use {A1111_TITLE}", showing=False)
    gui.gone(places)
    gimp.wait_for_status(TITLE, A1111_TITLE)
    gui.keys(TITLE, "Escape")
    gui.gone(TITLE)
    assert a1111.calls == []


def test_black_forest_labs_paints_along_the_edges_of_the_selection(gimp, labs):
    """From the table of places to a masked layer: chosen there, agreed to, steered by canny."""
    gui, places = gimp.gui, "Where to Run"
    gimp.open_scene(more=DARK_GROUND + FEATHERED)
    before = gimp.snapshot()
    gimp.open_dialog(TITLE)
    unfold(gimp, TITLE, "More options", "Run on")
    wait(lambda: any(LABS in text for text in gui.choices(TITLE, "Run on")), "places")
    gui.choose(TITLE, "Run on", "Compare all places…")
    gui.window(places)
    wait(lambda: LABS in gui.all_text(places), "the table")
    gui.press(places, f"Use {LABS}", showing=False)
    gui.gone(places)
    gui.set_text(TITLE, "Prompt", "ein Fluss, 河 “leise” 🌊")
    unfold(gimp, TITLE, "Control and LoRAs", "Control 1")
    gui.choose(TITLE, "Control 1", "Edges")
    gimp.wait_for_status(TITLE, "steered by your canny map")
    set_up = f"Set Up {LABS}"
    gui.press(TITLE, "Generate")
    gui.window(set_up)
    assert labs.calls == []
    told = gimp.text_with(set_up, "This job: sends")
    assert "whoever runs the server at the address you entered" in told
    gimp.keep_evidence("labs-consent")
    gui.set_text(set_up, "Key", labs.key)
    gui.press(set_up, CONSENT.format(LABS))
    gui.press(set_up, "Save")
    gui.gone(set_up)
    made, source = gimp.wait_for_layers(2)
    assert made["mask"]
    assert gimp.read(MASK_DIFFERENCE) == 0
    assert inside(made["box"], source["box"])
    (asked,) = labs.asked
    assert asked.prompt == "ein Fluss, 河 “leise” 🌊"
    assert (np.asarray(asked.control.convert("L")) > 127).any()  # the horizon's edge
    assert asked.image is None  # the picture itself stays here
    assert "/v1/flux-pro-1.0-canny" in [call.path for call in labs.calls]
    route = gimp.jobs()[0]["record"]["facts"]["route"]
    assert (route["kind"], route["control"]) == ("control", "canny")
    gimp.keep_evidence("labs-steered")
    undo(gimp, before)


def test_an_edit_by_instruction_runs_at_a_service_within_the_selection(gimp, openai):
    """No model for it is on this computer; a service is enough."""
    gui, title = gimp.gui, f"Set Up {OPENAI}"
    gimp.open_scene(more=FEATHERED)
    before = gimp.snapshot()
    gimp.open_dialog(EDIT)
    gimp.wait_for_status(EDIT, "choose a service under Run on")
    wait(lambda: any(OPENAI in text for text in gui.choices(EDIT, "Run on")), "places")
    assert not any(HORDE in text for text in gui.choices(EDIT, "Run on"))  # it cannot edit
    gui.choose(EDIT, "Run on", f"{OPENAI} · needs your consent")
    gui.set_text(EDIT, "Instruction", "mach es Winter ❄")
    gimp.wait_for_status(EDIT, "changes the selection by instruction")
    assert gui.nameless(EDIT) == []
    gui.press(EDIT, "Edit", "button|push button")
    gui.window(title)
    assert openai.calls == []
    gui.set_text(title, "Key", openai.key)
    gui.press(title, CONSENT.format(OPENAI))
    gui.press(title, "Save")
    gui.gone(title)
    made, source = gimp.wait_for_layers(2)
    assert made["mask"]
    assert gimp.read(MASK_DIFFERENCE) == 0
    assert inside(made["box"], source["box"])
    (asked,) = openai.asked
    assert asked.prompt == "mach es Winter ❄"
    assert asked.image is not None
    assert asked.mask is None
    request = gimp.jobs()[0]["record"]["request"]
    assert (request["mode"], request["backend"]) == ("edit", "openai")
    gimp.keep_evidence("edit-at-a-service")
    undo(gimp, before)
