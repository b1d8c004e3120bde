"""Edit by Instruction: without a model for it the dialog leads to one; with one the selection is
edited, in one undo step."""

from __future__ import annotations

import shutil

import pytest
from tests.gui.session import FEATHERED, wait
from tests.gui.steps import MASK_DIFFERENCE, told, undo_and_redo
from tests.support.tiny_flow_models import write_flux2_klein

pytestmark = pytest.mark.gui
TITLE = "Edit by Instruction"
BUTTON = "button|push button"


@pytest.fixture
def editor(gimp, tmp_path):
    """Puts a model with random weights that follows instructions where the server finds it."""
    made, place = write_flux2_klein(tmp_path / "klein"), gimp.data / "models" / "klein"

    def install():
        shutil.copytree(made, tmp_path / "whole")
        place.parent.mkdir(exist_ok=True)
        (tmp_path / "whole").rename(place)

    yield install
    shutil.rmtree(place, ignore_errors=True)


def test_the_dialog_leads_to_a_model_and_edits_the_selection(gimp, editor):
    gimp.open_scene(more=FEATHERED)
    before = gimp.snapshot()
    gui = gimp.gui
    gimp.open_dialog(TITLE)
    gimp.wait_for_status(TITLE, "Click Models… to download one, for example FLUX.2 Klein")
    gui.press(TITLE, "Models…")
    gui.window("Models")
    gui.press("Models", "Close")
    gui.gone("Models")
    editor()
    gimp.wait_for_status(TITLE, "on this computer")
    assert gui.choices(TITLE, "Model") == ["Server's default: klein", "klein"]
    assert gui.nameless(TITLE) == []
    assert not gui.sensitive(TITLE, "Edit", BUTTON)
    gui.set_text(TITLE, "Instruction", "make it winter")
    wait(lambda: gui.sensitive(TITLE, "Edit", BUTTON), "the button")
    gui.press(TITLE, "Keep seed")
    gui.set_value(TITLE, "Seed value", 7)
    gui.set_value(TITLE, "Steps", 2)
    gimp.wait_for_status(TITLE, " 2 steps")
    gui.press(TITLE, "Edit", BUTTON)
    gimp.wait_for_layers(2)
    request = told(gimp)["request"]
    made, _source = gimp.layers()
    assert (made["name"], made["mask"]) == ("make it winter · 7", True)
    assert gimp.read(MASK_DIFFERENCE) == 0
    assert (request["mode"], request["model"], request["seed"]) == ("edit", "klein", 7)
    undo_and_redo(gimp, before, 2)
