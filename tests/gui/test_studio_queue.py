"""The queue of the studio panel over all images, and its commands from GIMP's menu and by keys."""

from __future__ import annotations

import os
import signal

import pytest
from tests.gui.session import RESULT_SECONDS, wait
from tests.gui.test_studio import TITLE, at_work, generate, ready, studio  # noqa: F401
from tests.gui.test_studio_care import place_of

pytestmark = [pytest.mark.gui, pytest.mark.panel]


def waiting(gimp):
    """The prompts of the jobs that wait, the next to run first."""
    queued = [job for job in gimp.jobs() if job["status"] == "queued"]
    queued.sort(key=lambda job: job["queue_position"])
    return [job["record"]["request"]["prompt"] for job in queued]


def test_jobs_are_reordered_and_all_stopped(studio):  # noqa: F811
    gui = studio.gui
    ready(studio, words="at work", count=4, steps=200)  # until all is done below
    generate(studio)
    at_work(studio)
    for words in ("one", "two", "three"):
        ready(studio, words=words)
        generate(studio)
        wait(lambda words=words: words in waiting(studio), f"{words} in the queue")
    assert waiting(studio) == ["one", "two", "three"]
    gui.press_last(TITLE, "Earlier")
    wait(lambda: waiting(studio) == ["one", "three", "two"], "three before two")
    gui.press_last(TITLE, "Next")
    wait(lambda: waiting(studio) == ["two", "one", "three"], "two first")
    studio.keep_evidence("studio-queue")
    place = place_of(studio, "Stop All")
    gui.press_last(TITLE, "Stop")
    wait(lambda: waiting(studio) == ["two", "one"], "three is stopped")
    assert place_of(studio, "Stop All") == place, "it does not come under the pointer"
    gui.press(TITLE, "Stop All")
    wait(
        lambda: all(job["status"] == "cancelled" for job in studio.jobs()[:4]),
        "the end of all",
        RESULT_SECONDS,
    )
    wait(lambda: not gui.is_shown(TITLE, "Stop"), "an empty queue")
    assert len(studio.layers()) == 1


def test_commands_come_from_the_menu(studio):  # noqa: F811
    gui = studio.gui
    ready(studio, count=2, steps=3)
    gui.menu("Generate")
    studio.wait_for_layers(2)
    wait(lambda: gui.is_shown(TITLE, "Result 2 of 2"), "two small pictures")
    name = "image.get_layers()[0].get_name() or ''"  # none of one that goes in this moment
    gui.menu("Next")
    wait(lambda: studio.read(name).startswith("2/2"), "the second result")
    gui.menu("Discard")
    studio.wait_for_layers(1)


def test_pictures_that_were_finished_before_a_stop_are_in_the_history(studio):  # noqa: F811
    gui = studio.gui
    ready(studio, words="船 “boat” 🚤", count=4, steps=40)
    generate(studio)
    job = at_work(studio)
    wait(lambda: studio.jobs()[0]["images"], "the first picture", RESULT_SECONDS)
    gui.press(TITLE, "Stop")
    studio.wait_for_news(TITLE, "in the history")
    ended = studio.jobs()[0]
    assert (ended["id"], ended["status"]) == (job["id"], "cancelled")
    assert len(studio.layers()) == 1, "nothing was changed"
    gui.press(TITLE, "History", "toggle button")
    gui.set_text(TITLE, "Find in the history", "boat")
    found = "船 “boat” 🚤"
    wait(lambda: found in gui.group_text(TITLE, "Earlier jobs"), "the job among the earlier ones")
    gui.click(TITLE, found)
    gui.keys(TITLE, "ctrl+z")
    studio.wait_for_news(TITLE, "To undo, click into the image's window")
    gui.press(TITLE, "Show")
    names = "[l.get_name() for i in Gimp.get_images() for l in i.get_layers()]"
    wait(lambda: any(name.startswith("船") for name in studio.read(names)), "its picture")


MANY = """
import json, os
for number in range(400):
    content = json.dumps(["compare", image.get_id()]).encode()
    Gimp.attach_parasite(Gimp.Parasite.new(f"pentimento-studio-letter-{number:05}", 0, content))
"""
LEFT = '[name for name in Gimp.get_parasite_list() if "letter" in name]'


def test_commands_that_come_all_at_once_are_taken(studio):  # noqa: F811
    """In GIMP 3.0 a call that came while the panel waited for GIMP ended the panel."""
    ready(studio, steps=3)
    generate(studio)
    studio.wait_for_layers(2)
    for _round in range(3):
        studio.gui.python(MANY)
        wait(lambda: not studio.read(LEFT), "all commands")
    assert studio.read("image.get_layers()[0].get_visible()")
    assert studio.gui.window(TITLE)
    assert "g_irepository" not in studio.gui.log()


def test_a_panel_that_was_killed_is_known_to_be_gone(studio):  # noqa: F811
    pid = studio.read("json.loads(bytes(Gimp.get_parasite('pentimento-studio-panel').get_data()))")
    os.kill(pid, signal.SIGKILL)
    studio.gui.gone(TITLE)
    studio.gui.menu("Generate")
    studio.wait_for_message("The studio panel is not open.")


def test_a_command_without_a_panel_says_so(gimp):
    gimp.open_scene()
    gimp.gui.menu("Compare")
    gimp.wait_for_message("The studio panel is not open.")
