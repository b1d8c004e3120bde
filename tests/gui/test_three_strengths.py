"""Three strengths from one source, as a person compares them: the clicks are counted."""

from __future__ import annotations

import pytest
from tests.gui.session import wait
from tests.gui.steps import fill_in, told

pytestmark = pytest.mark.gui
TITLE = "Image to Image"
MENU = 2  # the menu, and the entry in it
SOURCES = """[layer["tattoo"] for made in image.get_layers()[:-1] for layer in json.loads(bytes(
    v & 255 for v in made.get_parasite("pentimento-job").get_data()))["source"]["layers"]]"""


class Mouse:
    """Clicks, counted."""

    def __init__(self, gimp):
        self.gui, self.clicks = gimp.gui, 0

    def click(self, name, role=None):
        self.gui.click(TITLE, name, role=role)
        self.clicks += 1


def test_three_strengths_of_one_layer_take_six_clicks_at_most(gimp):
    gimp.open_scene()
    gui, mouse = gimp.gui, Mouse(gimp)
    background = gimp.read("layer.get_tattoo()")
    gimp.open_dialog(TITLE)
    fill_in(gimp, TITLE, "hügel “x” 山", "Touch up", steps=4)  # words and settings: no clicks of it
    mouse.clicks += MENU
    mouse.click("Generate")
    finished(gimp, 2, 0.2)
    mouse.click("Strength", "slider")
    wait(lambda: gui.value(TITLE, "Strength") > 0.4, 5, "the slider")
    mouse.click("Generate")
    strength = finished(gimp, 3)
    assert 0.4 < strength < 0.6
    gui.keys(TITLE, "alt+3")
    wait(lambda: gui.value(TITLE, "Strength") == pytest.approx(0.8), 5, "the key")
    gui.keys(TITLE, "ctrl+Return")
    finished(gimp, 4, 0.8)
    assert gimp.read(SOURCES) == [background] * 3
    assert mouse.clicks <= 6, mouse.clicks
    names = [layer["name"] for layer in gimp.layers()[:-1]]
    assert names == [f"{one:.2f} · hügel “x” 山 · 7" for one in (0.8, strength, 0.2)]


def finished(gimp, layers, strength=None):
    """Waits for a result on top; the strength that it was made with."""
    gimp.wait_for_layers(layers)
    made = told(gimp)["request"]["strength"]
    gimp.wait_for_news(TITLE, "Done", 20)
    gimp.wait_for_status(TITLE, "steps")
    if strength is not None:
        assert made == pytest.approx(strength)
    return made


@pytest.mark.parametrize(("key", "strength"), [("alt+1", 0.2), ("alt+2", 0.5), ("alt+4", 1.0)])
def test_named_strengths_have_keys(gimp, key, strength):
    gimp.open_scene()
    gimp.open_dialog(TITLE)
    gimp.gui.set_value(TITLE, "Strength", 0.63)
    gimp.gui.keys(TITLE, key)
    wait(lambda: gimp.gui.value(TITLE, "Strength") == pytest.approx(strength), 5, key)
