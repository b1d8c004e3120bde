"""Three strengths from one source, as a person compares them: the clicks are counted."""

from __future__ import annotations

import shutil

import pytest
from tests.gui.session import wait
from tests.gui.steps import fill_in, run, told
from tests.support.tiny_flow_models import write_flux2_klein

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
    finished(gimp, 2, 0.21)
    mouse.click("Strength", "slider")
    wait(lambda: gui.value(TITLE, "Strength") > 0.4, "the slider")
    mouse.click("Generate")
    strength = finished(gimp, 3)
    assert 0.4 < strength < 0.6
    gui.keys(TITLE, "alt+3")
    wait(lambda: gui.value(TITLE, "Strength") == pytest.approx(0.81), "the key")
    gui.keys(TITLE, "ctrl+Return")
    finished(gimp, 4, 0.81)
    assert gimp.read(SOURCES) == [background] * 3
    assert mouse.clicks <= 6, mouse.clicks
    names = [layer["name"] for layer in gimp.layers()[:-1]]
    assert names == [f"{one:.2f} · hügel “x” 山 · 7" for one in (0.81, strength, 0.21)]


def finished(gimp, layers, strength=None):
    """Waits for a result on top; the strength that it was made with."""
    gimp.wait_for_layers(layers)
    made = told(gimp)["request"]["strength"]
    gimp.wait_for_news(TITLE, "Done")
    gimp.wait_for_status(TITLE, "steps")
    if strength is not None:
        assert made == pytest.approx(strength)
    return made


@pytest.fixture
def klein(gimp, tmp_path):
    """A model of random weights for which the words lie lower, beside the starter."""
    place = gimp.data / "models" / "klein"
    place.parent.mkdir(exist_ok=True)
    write_flux2_klein(tmp_path / "whole").rename(place)
    yield {"alt+1": 0.08, "alt+2": 0.2, "alt+3": 0.53, "alt+4": 1.0}
    shutil.rmtree(place, ignore_errors=True)


def shows(gimp, strength, what, title=TITLE):
    wait(lambda: gimp.gui.value(title, "Strength") == pytest.approx(strength), what)


def test_words_keep_and_their_numbers_move_with_the_model_but_typed_numbers_stay(gimp, klein):
    gimp.open_scene()
    gui = gimp.gui
    gimp.open_dialog(TITLE)
    wait(lambda: "klein" in gui.choices(TITLE, "Model"), "the models")
    for key, strength in {"alt+1": 0.21, "alt+2": 0.5, "alt+4": 1.0, "alt+3": 0.81}.items():
        gui.keys(TITLE, key)
        shows(gimp, strength, key)
    gui.choose(TITLE, "Model", "klein")
    shows(gimp, klein["alt+3"], "the word by klein")
    gui.set_value(TITLE, "Strength", 0.2)  # where another word lies, but typed
    gui.choose(TITLE, "Model", gui.choices(TITLE, "Model")[0])
    gimp.wait_for_status(TITLE, "320 × 224")
    assert gui.value(TITLE, "Strength") == pytest.approx(0.2)
    for key, strength in klein.items():
        gui.choose(TITLE, "Model", "klein")
        gui.keys(TITLE, key)
        shows(gimp, strength, key)


def test_a_script_s_word_is_its_model_s_number(gimp, klein):
    gimp.open_scene()
    for model, strength in (("", 0.21), ("klein", klein["alt+1"])):
        options = {"strength-preset": "touch-up", "model": model, "steps": 2}
        run(gimp, "img2img", "[layer]", **options)
        assert gimp.jobs()[0]["record"]["request"]["strength"] == pytest.approx(strength)


def test_the_panel_and_change_result_have_the_words_of_the_model_too(gimp, klein):
    gimp.open_scene()
    gui, (change, panel) = gimp.gui, ("Change Result", "Studio Panel")
    run(gimp, "img2img", "[layer]", steps=1, strength=0.4)
    gui.python("image.set_selected_layers(image.get_layers()[:1])\nGimp.displays_flush()")
    gimp.open_dialog(change)
    wait(lambda: "klein" in gui.choices(change, "Model"), "the models")
    assert gui.value(change, "Strength") == pytest.approx(0.4)
    gui.keys(change, "alt+2")
    shows(gimp, 0.5, "alt+2", change)
    gui.choose(change, "Model", "klein")
    shows(gimp, klein["alt+2"], "klein's", change)
    gui.keys(change, "Escape")
    gui.gone(change)
    gui.menu(panel + "...")
    gui.window(panel)
    gui.place(panel, 900, 0, 420, 1240)
    wait(lambda: "klein" in gui.choices(panel, "Model"), "the models")
    gui.click(panel, "Strength", role="slider")
    shows(gimp, 0.5, "the slider stops at the word in its middle", panel)
    gui.choose(panel, "Model", "klein")

    shows(gimp, klein["alt+2"], "klein's", panel)
    gui.keys(panel, "alt+F4")
    gui.gone(panel)
