"""What the dialogs show, and that they tell the truth when the server is away."""

from __future__ import annotations

import json
import shutil
import time

import pytest
from tests.gui.session import FEATHERED, wait
from tests.gui.steps import fill_in

from pentimento.models.library.registry import STARTER_FOLDER

pytestmark = pytest.mark.gui
BLUEPRINT = STARTER_FOLDER.parent / "blueprint" / "pytorch_lora_weights.safetensors"
TITLE = "Image to Image"
WHEEL_DOWN = 5


def test_one_widget_says_the_strength_and_one_the_quality(gimp):
    gimp.open_scene()
    gui, title = gimp.gui, gimp.open_dialog(TITLE)
    gui.set_value(title, "Strength", 0.63)
    gui.choose(title, "Quality", "High")
    assert not gui.is_shown(title, "Steps")
    gui.choose(title, "Quality", "Custom")
    wait(lambda: gui.value(title, "Steps") == 45, "the word's number")
    gui.set_value(title, "Steps", 24)
    wait(lambda: gui.choice(title, "Quality") == "Normal", "the number's word")


def test_the_status_line_follows_strength_and_steps(gimp):
    gimp.open_scene()
    gui, title = gimp.gui, gimp.open_dialog(TITLE)
    gui.set_value(title, "Strength", 1)
    gui.choose(title, "Quality", "Draft")
    gimp.wait_for_status(title, "· 12 steps")
    gui.set_value(title, "Strength", 0.5)
    gimp.wait_for_status(title, "· 6 steps")
    gui.set_value(title, "Strength", 0)
    gimp.wait_for_status(title, "nothing is computed")


def test_the_wheel_moves_the_page_and_no_value(gimp):
    """Or who scrolls past a field chooses a service on the network, say."""
    gimp.open_scene()
    gui, title = gimp.gui, gimp.open_dialog(TITLE)
    gimp.wait_for_status(title, "on this computer")
    gui.set_value(title, "Strength", 0.63)
    before = gui.choice(title, "Quality"), gui.choice(title, "Model")
    for name, role in (("Strength", "slider"), ("Quality", "combo box"), ("Model", "combo box")):
        gui.click(title, name, WHEEL_DOWN, 3, role)
    gui.click(title, "Prompt", role="text")
    gui.keys(title, "z")  # events come in order: after it the wheel has been felt
    wait(lambda: "z" in gui.text(title, "Prompt", "text"), "the key")
    assert gui.value(title, "Strength") == pytest.approx(0.63)
    assert (gui.choice(title, "Quality"), gui.choice(title, "Model")) == before


def test_what_is_unfolded_is_seen_however_late_the_window_manager_answers(gimp):
    """A dialog asks for a new height while it still waits for the one before. Where GTK forgot it,
    what was unfolded was out of sight; this test saw it in one run of three."""
    gui = gimp.gui
    for delay in (0.8, 0.9, 1.0, 1.1):
        gimp.open_scene()
        title = gimp.open_dialog("Image to Image")
        gui.press(title, "Control and LoRAs")
        gui.choose(title, "Control 1", "Edges")
        fill_in(gimp, title, "远山 “hills”", "Replace")
        gui.answer_late(go_on=False)
        gui.press(title, "More options")
        time.sleep(delay)  # what is tested; whatever comes meanwhile
        gui.answer_late(go_on=True)
        gui.widget_showing(title, "VAE", "combo box")
        gimp.tidy()


def test_the_models_of_the_server_can_be_chosen(gimp):
    gimp.open_scene()
    gui, title = gimp.gui, gimp.open_dialog(TITLE)
    gimp.wait_for_status(title, "on this computer")
    known = [model["title"] for model in gimp.server.ask("/v1/models")["models"]]
    assert set(known) <= set(gui.choices(title, "Model"))


def test_a_style_of_the_server_can_be_chosen_and_brings_its_steps(gimp):
    style = {"prompt": "{prompt}, blueprint", "steps": 9}
    gimp.server.ask("/v1/styles/Nine%20steps", "PUT", style)
    gimp.open_scene()
    gui, title = gimp.gui, gimp.open_dialog(TITLE)
    gimp.wait_for_status(title, "on this computer")
    assert {"None", "Watercolor"} < set(gui.choices(title, "Style"))  # there before the plan
    gui.set_value(title, "Strength", 1)
    gui.choose(title, "Style", "Nine steps")
    gimp.wait_for_status(title, "· 9 steps")
    gui.choose(title, "Style", "None")
    gimp.server.ask("/v1/styles/Nine%20steps", "DELETE")
    gui.set_value(title, "Strength", 0.9)
    gimp.wait_for_status(title, "· 13 steps")
    wait(lambda: "Nine steps" not in gui.choices(title, "Style"), "the style's end")


def test_models_and_loras_that_come_or_go_do_so_in_an_open_dialog(gimp):
    gimp.open_scene()
    gui, title = gimp.gui, gimp.open_dialog(TITLE)
    gimp.wait_for_status(title, "on this computer")
    added = gimp.data / "models" / "newcomer"
    shutil.copytree(STARTER_FOLDER, added)
    sheet = json.loads((added / "pentimento.json").read_text())
    (added / "pentimento.json").write_text(json.dumps(sheet | {"title": "A newcomer"}))
    gui.set_value(title, "Strength", 0.4)
    wait(lambda: "A newcomer" in gui.choices(title, "Model"), "the new model")
    gui.choose(title, "Model", "A newcomer")
    gimp.wait_for_status(title, "on this computer")
    lora = gimp.data / "loras" / "second.safetensors"
    lora.parent.mkdir(exist_ok=True)
    shutil.copy(BLUEPRINT, lora)
    gui.set_value(title, "Strength", 0.5)
    gui.press(title, "Control and LoRAs")
    gui.widget_showing(title, "Add a LoRA", "combo box")
    wait(lambda: "second" in gui.choices(title, "Add a LoRA"), "the new LoRA")
    lora.unlink()
    shutil.rmtree(added)
    gui.set_value(title, "Strength", 0.3)
    wait(lambda: "second" not in gui.choices(title, "Add a LoRA"), "the LoRA's end")
    gone = "newcomer (not on the server)"
    wait(lambda: gone in gui.choices(title, "Model"), "the model's end")


@pytest.mark.parametrize("title", ["Image to Image", "Regenerate Selection", "Text to Image"])
def test_every_widget_has_a_name_for_screen_readers(gimp, title):
    gimp.open_scene(more=FEATHERED)
    gimp.open_dialog(title)
    gimp.gui.press(title, "More options")
    assert gimp.gui.nameless(title) == []


def test_every_widget_about_edges_has_a_name_for_screen_readers(gimp):
    gimp.open_scene(more=FEATHERED)
    title = gimp.open_dialog("Regenerate Selection")
    gimp.gui.press(title, "Edge and colors")
    gimp.gui.widget_showing(title, "Use the selection exactly")
    gimp.gui.choose(title, "Area", "Channel")
    gimp.gui.widget_showing(title, "Channel", "combo box")
    assert gimp.gui.nameless(title) == []


def test_with_the_server_away_the_dialog_opens_and_says_so(gimp):
    gimp.open_scene()
    before = gimp.snapshot()
    gimp.point_to("http://127.0.0.1:9", "whatever")
    title = gimp.open_dialog(TITLE)
    gimp.wait_for_status(title, "http://127.0.0.1:9 can't be reached")
    wait(lambda: not gimp.gui.sensitive(title, "Generate"), "a gray button")
    assert gimp.differences(before) == []


def test_a_wrong_token_is_told_with_the_remedy(gimp):
    gimp.open_scene()
    before = gimp.snapshot()
    gimp.set_server(gimp.server.url, "wrong")
    title = gimp.open_dialog(TITLE)
    told = gimp.wait_for_status(title, "rejected the access token")
    assert "Filters > Pentimento > Setup > Server" in told
    wait(lambda: not gimp.gui.sensitive(title, "Generate"), "a gray button")
    assert gimp.differences(before) == []


def test_the_server_dialog_tells_the_state_and_tests_another_address(gimp):
    title = gimp.open_dialog("Server")
    gui = gimp.gui
    wait(lambda: gimp.server.url in gui.group_text(title, "State of the server"), "its address")
    gui.set_text(title, "Address", gimp.server.url)
    gui.set_text(title, "Token or code", "wrong")
    gui.press(title, "Test Connection")
    wait(lambda: "rejected the access token" in gui.all_text(title), "refusal")
    gui.set_text(title, "Token or code", gimp.server.token)
    gui.press(title, "Test Connection")
    wait(lambda: "takes the token" in gui.all_text(title), "success")
    gui.press(title, "Close")
    gui.gone(title)


def test_the_server_dialog_stops_and_starts_the_server(gimp):
    gimp.let_gimp_start_servers()
    gui, title, state = gimp.gui, gimp.open_dialog("Server"), "State of the server"
    wait(lambda: gui.sensitive(title, "Stop"), "Stop")
    gui.press(title, "Stop")
    wait(lambda: "is not running" in gui.group_text(title, state), "stopped")
    gimp.server.process.wait(60)
    wait(lambda: gui.sensitive(title, "Start"), "Start")
    gui.press(title, "Start")
    wait(lambda: "The server runs at" in gui.group_text(title, state), "running")
    gimp.adopt_server()
    assert gimp.server.ask("/v1/status")["data_dir"] == str(gimp.data)


def test_the_doctor_finds_all_well_and_says_what_is_not(gimp):
    gui, title = gimp.gui, gimp.open_dialog("Doctor")
    wait(lambda: "All is well." in gui.all_text(title), "all well")
    gimp.point_to("http://127.0.0.1:9", "whatever")
    gui.press(title, "Check Again")
    wait(lambda: "http://127.0.0.1:9 can't be reached" in gui.all_text(title), "the fault")
    assert gimp.text_with(title, "✗")
