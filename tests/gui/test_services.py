"""Services on the network, chosen and set up in the dialogs: nothing leaves before it is agreed to,
and the result comes back as any other does."""

from __future__ import annotations

import pytest
from tests.gui.session import FEATHERED, wait
from tests.remote.standins.openai import OpenAI

pytestmark = pytest.mark.gui
SERVICE = "OpenAI images"
SET_UP = f"Set Up {SERVICE}"
CONSENT = "I agree that it receives the part of the picture that a job needs, and my words"


@pytest.fixture
def service(gimp):
    """A stand-in for OpenAI at the address of the settings; no key, no consent."""
    stand_in = OpenAI()
    set_up(gimp, base_url=stand_in.base_url, model="gpt-image-1")
    yield stand_in
    gimp.server.ask("/v1/backends/openai/consent", "POST", {"agreed": False})
    gimp.server.ask("/v1/backends/openai/key", "DELETE")
    set_up(gimp, base_url=None, model=None)
    stand_in.close()


def set_up(gimp, **change):
    gimp.server.ask("/v1/backends/openai", "PUT", change)


def choose_service(gimp, title):
    """Opens an action's dialog and chooses the service, which still has to be set up."""
    gui = gimp.gui
    gimp.open_dialog(title)
    wait(lambda: any(SERVICE in text for text in gui.choices(title, "Where to run")), 30, "places")
    gui.choose(title, "Where to run", f"{SERVICE} · needs a key")
    gui.set_text(title, "Prompt", "a green door")


def agree(gimp, key):
    """Fills in the dialog that comes before the first picture leaves."""
    gui = gimp.gui
    gui.window(SET_UP)
    gui.set_text(SET_UP, "Key", key)
    gui.press(SET_UP, CONSENT)
    gui.press(SET_UP, "Save")


def test_nothing_leaves_before_it_is_agreed_to(gimp, service):
    gimp.open_scene(more=FEATHERED)
    before = gimp.snapshot()
    gui, title = gimp.gui, "Regenerate Selection"
    choose_service(gimp, title)
    gimp.wait_for_status(title, "repaints the selection; it decides by itself")
    gui.press(title, "Generate")
    gui.window(SET_UP)
    told = gui.all_text(SET_UP)
    assert "whoever runs the server at the address you entered" in told
    assert "This job: sends" in told
    gui.press(SET_UP, "Save")
    wait(lambda: "Nothing can be sent yet" in gui.all_text(SET_UP), 20, "the refusal")
    gui.press(SET_UP, "Cancel")
    gui.gone(SET_UP)
    gui.keys(title, "Escape")
    gui.gone(title)
    assert service.calls == []
    assert gimp.differences(before) == []
