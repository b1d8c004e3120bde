"""What the dialogs show, and that they tell the truth when the server is away."""

from __future__ import annotations

import json
import shutil

import pytest
from tests.gui.session import FEATHERED, wait

from pentimento.models.registry import STARTER_FOLDER

pytestmark = pytest.mark.gui
BLUEPRINT = STARTER_FOLDER.parent / "blueprint" / "pytorch_lora_weights.safetensors"
TITLE = "Image to Image"


def test_choosing_a_preset_sets_the_number_and_moving_the_number_says_custom(gimp):
    gimp.open_scene()
    gui, title = gimp.gui, gimp.open_dialog(TITLE)
    gui.choose(title, "How much to change", "Repaint")
    wait(lambda: gui.value(title, "Strength") == pytest.approx(0.8), 5, "0.8")
    gui.set_value(title, "Strength", 0.63)
    wait(lambda: gui.choice(title, "How much to change") == "Custom", 5, "Custom")
    gui.set_value(title, "Strength", 0.2)
    wait(lambda: gui.choice(title, "How much to change") == "Touch up", 5, "Touch up")


def test_the_status_line_follows_strength_and_steps(gimp):
    gimp.open_scene()
    gui, title = gimp.gui, gimp.open_dialog(TITLE)
    gui.choose(title, "How much to change", "New")
    gui.choose(title, "Quality", "Preview")
    gimp.wait_for_status(title, "· 12 steps")
    gui.choose(title, "How much to change", "Restyle")
    gimp.wait_for_status(title, " of 12 steps")
    gui.set_value(title, "Strength", 0)
    gimp.wait_for_status(title, "nothing is computed")


def test_the_models_of_the_server_can_be_chosen(gimp):
    gimp.open_scene()
    gui, title = gimp.gui, gimp.open_dialog(TITLE)
    gimp.wait_for_status(title, "Sends")
    gui.press(title, "More options")
    known = [model["title"] for model in gimp.server.ask("/v1/models")["models"]]
    assert set(known) <= set(gui.choices(title, "Model"))


def test_a_style_of_the_server_can_be_chosen_and_brings_its_steps(gimp):
    style = {"prompt": "{prompt}, blueprint", "steps": 9}
    gimp.server.ask("/v1/styles/Nine%20steps", "PUT", style)
    gimp.open_scene()
    gui, title = gimp.gui, gimp.open_dialog(TITLE)
    gimp.wait_for_status(title, "Sends")
    assert {"None", "Watercolor"} < set(gui.choices(title, "Style"))  # there before the plan
    gui.choose(title, "How much to change", "New")
    gui.choose(title, "Style", "Nine steps")
    gimp.wait_for_status(title, "· 9 steps")
    gui.choose(title, "Style", "None")
    gimp.server.ask("/v1/styles/Nine%20steps", "DELETE")
    gui.set_value(title, "Strength", 0.9)
    gimp.wait_for_status(title, "13 of 14 steps")
    assert "Nine steps" not in gui.choices(title, "Style")


def test_models_and_loras_that_come_or_go_do_so_in_an_open_dialog(gimp):
    gimp.open_scene()
    gui, title = gimp.gui, gimp.open_dialog(TITLE)
    gimp.wait_for_status(title, "Sends")
    gui.press(title, "More options")
    added = gimp.data / "models" / "newcomer"
    shutil.copytree(STARTER_FOLDER, added)
    sheet = json.loads((added / "pentimento.json").read_text())
    (added / "pentimento.json").write_text(json.dumps(sheet | {"title": "A newcomer"}))
    gui.set_value(title, "Strength", 0.4)
    wait(lambda: "A newcomer" in gui.choices(title, "Model"), 10, "the new model")
    gui.choose(title, "Model", "A newcomer")
    gimp.wait_for_status(title, "Sends")
    lora = gimp.data / "loras" / "second.safetensors"
    lora.parent.mkdir(exist_ok=True)
    shutil.copy(BLUEPRINT, lora)
    gui.set_value(title, "Strength", 0.5)
    gui.press(title, "Control and LoRAs")
    gui.widget_showing(title, "Add a LoRA", "combo box")
    wait(lambda: "second" in gui.choices(title, "Add a LoRA"), 10, "the new LoRA")
    lora.unlink()
    shutil.rmtree(added)
    gui.set_value(title, "Strength", 0.3)
    wait(lambda: "second" not in gui.choices(title, "Add a LoRA"), 10, "the LoRA's end")
    gui.press(title, "More options")
    gui.widget_showing(title, "Model", "combo box")
    assert "newcomer (not on the server)" in gui.choices(title, "Model")


@pytest.mark.parametrize(
    ("title", "part", "shown"),
    [
        ("Image to Image", "More options", "Steps"),
        ("Regenerate Selection", "More options", "Steps"),
        ("Regenerate Selection", "Edges and colors", "Exact edge"),
        ("Text to Image", "More options", "Steps"),
    ],
)
def test_everything_fits_on_a_small_screen(gimp, title, part, shown):
    gimp.open_scene(more=FEATHERED + "layer.add_alpha()")
    gimp.open_dialog(title)
    gimp.wait_for_status(title, "px")
    gimp.gui.press(title, part)
    gimp.gui.press(title, "Negative prompt")
    gimp.gui.widget_showing(title, shown)
    assert gimp.gui.geometry(title)["HEIGHT"] <= 860


@pytest.mark.parametrize("title", ["Image to Image", "Regenerate Selection", "Text to Image"])
def test_every_widget_has_a_name_for_screen_readers(gimp, title):
    gimp.open_scene(more=FEATHERED)
    gimp.open_dialog(title)
    gimp.gui.press(title, "More options")
    assert gimp.gui.nameless(title) == []


def test_every_widget_about_edges_has_a_name_for_screen_readers(gimp):
    gimp.open_scene(more=FEATHERED)
    title = gimp.open_dialog("Regenerate Selection")
    gimp.gui.press(title, "Edges and colors")
    gimp.gui.widget_showing(title, "Exact edge")
    gimp.gui.choose(title, "Mask from", "Channel")
    gimp.gui.widget_showing(title, "Channel", "combo box")
    assert gimp.gui.nameless(title) == []


def test_opening_one_part_of_the_dialog_closes_the_other(gimp):
    gimp.open_scene(more=FEATHERED)
    gui, title = gimp.gui, gimp.open_dialog("Regenerate Selection")
    gui.press(title, "Edges and colors")
    wait(lambda: "Added to the edge by the server" in gui.all_text(title), 5, "the edge's part")
    gui.press(title, "More options")
    wait(lambda: "Sampler" in gui.all_text(title), 5, "the other part")
    wait(lambda: "Added to the edge by the server" not in gui.all_text(title), 5, "its end")


def test_with_the_server_away_the_dialog_opens_and_says_so(gimp):
    gimp.open_scene()
    before = gimp.snapshot()
    gimp.point_to("http://127.0.0.1:9", "whatever")
    title = gimp.open_dialog(TITLE)
    gimp.wait_for_status(title, "http://127.0.0.1:9 can't be reached")
    gimp.gui.press(title, "Generate")
    gimp.wait_for_message("http://127.0.0.1:9 can't be reached")
    assert gimp.differences(before) == []


def test_a_wrong_token_is_told_with_the_remedy(gimp):
    gimp.open_scene()
    before = gimp.snapshot()
    gimp.point_to(gimp.server.url, "wrong")
    title = gimp.open_dialog(TITLE)
    gimp.wait_for_status(title, "does not take this plug-in's token")
    gimp.gui.press(title, "Generate")
    assert "Filters > Pentimento > Server" in gimp.wait_for_message("token")
    assert gimp.differences(before) == []


def test_the_server_dialog_tells_the_state_and_tests_another_address(gimp):
    title = gimp.open_dialog("Server")
    gui = gimp.gui
    wait(lambda: gimp.server.url in gui.group_text(title, "State of the server"), 10, "its address")
    gui.set_text(title, "Address", gimp.server.url)
    gui.set_text(title, "Token", "wrong")
    gui.press(title, "Test Connection")
    wait(lambda: "does not take" in gui.all_text(title), 10, "refusal")
    gui.set_text(title, "Token", gimp.server.token)
    gui.press(title, "Test Connection")
    wait(lambda: "takes the token" in gui.all_text(title), 10, "success")
    gui.press(title, "Close")
    gui.gone(title)


def test_the_server_dialog_stops_and_starts_the_server(gimp):
    gimp.let_gimp_start_servers()
    gui, title, state = gimp.gui, gimp.open_dialog("Server"), "State of the server"
    wait(lambda: gui.sensitive(title, "Stop"), 10, "Stop")
    gui.press(title, "Stop")
    wait(lambda: "is not running" in gui.group_text(title, state), 20, "stopped")
    gimp.server.process.wait(10)
    wait(lambda: gui.sensitive(title, "Start"), 10, "Start")
    gui.press(title, "Start")
    wait(lambda: "The server runs at" in gui.group_text(title, state), 40, "running")
    gimp.adopt_server()
    assert gimp.server.ask("/v1/status")["data_dir"] == str(gimp.data)


def test_the_doctor_finds_all_well_and_says_what_is_not(gimp):
    gui, title = gimp.gui, gimp.open_dialog("Doctor")
    wait(lambda: "All is well." in gui.all_text(title), 20, "all well")
    gimp.point_to("http://127.0.0.1:9", "whatever")
    gui.press(title, "Check Again")
    wait(lambda: "http://127.0.0.1:9 can't be reached" in gui.all_text(title), 20, "the fault")
    assert "✗" in gui.all_text(title)
