"""The history in the studio panel, in a GIMP that was killed meanwhile and an image that has
another name by then: found by words, starred, shown, used, made again and varied."""

from __future__ import annotations

import re

import pytest
from tests.gui.session import RESULT_SECONDS, wait
from tests.gui.test_studio import (
    TITLE,
    WORDS,
    close_panel,
    command,
    generate,
    open_panel,
    ready,
    undo,
)

pytestmark = [pytest.mark.gui, pytest.mark.panel]
LINE = " ".join(WORDS.split())  # as a name
SAVE = """
from gi.repository import Gio
assert Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, Gio.File.new_for_path({path!r}), None)
"""
LOAD = """
from gi.repository import Gio
image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path({path!r}))
display = Gimp.Display.new(image)
image.clean_all()
Gimp.displays_flush()
"""


@pytest.fixture
def closing(gimp):
    """Whatever panel is open in the end is closed."""
    yield gimp
    close_panel(gimp)


def rows(gimp):
    return gimp.gui.group_text(TITLE, "Earlier jobs")


def find(gimp, words, here=False):
    gui = gimp.gui
    if not gui.is_shown(TITLE, "Find in the history"):
        gui.press(TITLE, "History", "toggle button")
    if gui.checked(TITLE, "Of this image") != here:
        gui.press(TITLE, "Of this image")
    gui.set_text(TITLE, "Find in the history", words)


def test_history_outlives_gimp_and_is_used_again(closing):
    gimp, gui = closing, closing.gui
    open_panel(gimp)
    ready(gimp, count=2, steps=3)
    generate(gimp)
    gimp.wait_for_layers(2)
    made = gimp.jobs()[0]
    box = gimp.layers()[0]["box"]
    first, second = gui.work / "before.xcf", gui.work / "沙 “after”.xcf"
    gui.python(SAVE.format(path=str(first)))
    first.rename(second)
    gimp.kill_gimp()
    gui.python(LOAD.format(path=str(second)))
    gui.menu("Studio Panel...")
    gui.window(TITLE)
    gui.place(TITLE, 900, 0, 420, 1240)
    gui.set_text(TITLE, "Prompt", "other words")
    find(gimp, "月亮 🌙", here=True)
    wait(lambda: LINE in rows(gimp), "the job in the history")
    facts = re.compile(r"\b20\d\d-\d\d-\d\d \d\d:\d\d · 1\.00 · 2 × · Starter model")
    wait(lambda: facts.search(rows(gimp)), "the model's title, once the server has told it")
    gui.press(TITLE, "Star")
    wait(lambda: gimp.jobs()[0]["starred"], "the star")
    gui.click(TITLE, LINE)
    gui.widget_showing(TITLE, "Show")
    gimp.keep_evidence("studio-history")
    assert len(gimp.layers()) == 2, "one click only chooses"
    gui.press(TITLE, "Show")
    assert gimp.wait_for_layers(3)[0]["box"] == box
    assert gimp.layers()[0]["mask"]
    wait(lambda: gui.is_shown(TITLE, "Result 2 of 2"), "both small pictures")
    gui.press(TITLE, "Use Settings")
    wait(lambda: gui.text(TITLE, "Prompt", "text") == WORDS, "the words")
    seed = made["images"][0]["seed"]
    wait(lambda: gui.is_shown(TITLE, f"The seed is kept: {seed}"), "what is said of the seed")
    gui.press(TITLE, "New Seed")
    wait(lambda: not gui.is_shown(TITLE, "New Seed"), "seeds that are drawn again")
    gui.press(TITLE, "Keep")
    gui.press(TITLE, "Again")
    gimp.wait_for_layers(4)
    again = gimp.jobs()[0]["record"]["request"]
    asked = made["record"]["request"]
    changed = {name for name in {**again, **asked} if again.get(name) != asked.get(name)}
    assert changed - {"preview"} == {"seed"}
    gui.press(TITLE, "Keep")
    gui.press(TITLE, "Vary")
    gimp.wait_for_layers(5)
    varied = gimp.jobs()[0]["record"]["request"]
    assert (varied["strength"], varied["mask"]) == (0.5, asked["mask"])
    assert varied["source"] != asked["source"]
    find(gimp, "nobody wrote this", here=True)
    wait(lambda: gui.is_shown(TITLE, "Nothing is found."), "an empty history")


def test_an_image_without_a_result_is_known_by_the_panel(closing):
    """It bears its name with a result, which is undone here."""
    gimp, gui, words = closing, closing.gui, "只有 “here” 🌙"
    open_panel(gimp)
    ready(gimp, words=words, steps=3)
    generate(gimp)
    box = gimp.wait_for_layers(2)[0]["box"]
    undo(gimp)
    gimp.wait_for_layers(1)
    find(gimp, "只有")
    wait(lambda: words in rows(gimp), "the job in the history")
    gui.click(TITLE, words, role="list item")
    gui.press(TITLE, "Show")
    assert gimp.wait_for_layers(2)[0]["box"] == box
    assert gui.python("print(len(Gimp.get_images()))").strip() == "1"
    find(gimp, "", here=True)
    wait(lambda: words in rows(gimp), "the job among those of this image")


def test_record_is_shown_and_a_new_image_has_no_history(closing):
    gimp, gui = closing, closing.gui
    open_panel(gimp)
    ready(gimp, words="for the record", steps=3)
    generate(gimp)
    gimp.wait_for_layers(2)
    find(gimp, "for the record")
    wait(lambda: "for the record" in rows(gimp), "the job in the history")
    before = gui.at_rest_places(TITLE)
    gui.click(TITLE, "for the record", role="list item")
    wait(lambda: gui.sensitive(TITLE, "Record…"), "what can be done with it")
    assert gui.at_rest_places(TITLE) == before, "no button moves under the pointer"
    gui.press(TITLE, "Record…")
    shown = wait(lambda: gui.text("Record", "Record", "text"), "the record", RESULT_SECONDS)
    assert '"prompt": "for the record"' in shown
    gui.keys("^Record$", "Escape")
    gui.gone("Record")
    gimp.open_scene(width=128, height=96)
    command(gimp, "aim", "image")
    find(gimp, "", here=True)
    wait(lambda: gui.is_shown(TITLE, "Nothing is found."), "an empty history")
    assert gui.nameless(TITLE) == []


def test_nothing_is_kept_of_what_is_private(closing):
    gimp, gui = closing, closing.gui
    open_panel(gimp)
    gui.press(TITLE, "More options", "toggle button")
    gui.press(TITLE, "Private")
    gimp.wait_for_status(TITLE, "· private ·")
    find(gimp, "")  # the history is asked for anew when a job has ended
    ready(gimp, words="nobody may know this", steps=3)
    generate(gimp)
    gimp.wait_for_layers(2)
    wait(lambda: gui.is_shown(TITLE, "Result 1 of 1"), "its small picture")
    asked = lambda job: job["record"]["request"].get("prompt", "")  # noqa: E731
    wait(lambda: not [job for job in gimp.jobs() if "nobody" in asked(job)], "nothing kept")
    assert [name for name, *_box in gui.places(TITLE, "list item") if "nobody" in name] == []
    command(gimp, "close")
    gui.gone(TITLE)
    kept = (gui.work / "gimp" / "plug-in-settings").glob("*")
    assert [file.name for file in kept if "nobody" in file.read_text("utf-8")] == []
