"""A typed word is never lost: it is there again after every way in which a job can end, and after
none at all."""

from __future__ import annotations

import os
import signal

import pytest
from tests.gui.session import FEATHERED, wait
from tests.gui.steps import set_steps, unfold

pytestmark = pytest.mark.gui
TITLE = "Regenerate Selection"
WORDS = '一弯“黄色”的月亮 🌙 "it\'s" {night} 100 % \\ مرحبا\nsecond line'


def type_in(gimp, words=WORDS, strength=0.7, count=2, steps=200):
    """Words and settings, so slow a job that there is time to end it."""
    gui = gimp.gui
    gui.set_text(TITLE, "Prompt", words)
    gui.set_value(TITLE, "Strength", strength)
    gui.set_value(TITLE, "Variations", count)
    set_steps(gimp, TITLE, steps)
    unfold(gimp, TITLE, "More options", "Guidance")
    gui.set_value(TITLE, "Guidance", 3.5)


def shown(gimp):
    gui = gimp.gui
    unfold(gimp, TITLE, "More options", "Guidance")
    names = ("Strength", "Variations", "Steps", "Guidance")
    return [
        gui.text(TITLE, "Prompt", "text"),
        *(round(gui.value(TITLE, name), 2) for name in names),
    ]


def again(gimp):
    """What the dialog shows when it is opened once more."""
    gimp.gui.gone(TITLE)
    if not gimp.read("len(Gimp.get_images())"):
        gimp.open_scene(more=FEATHERED)
    gimp.open_dialog(TITLE)
    return shown(gimp)


def at_work(gimp):
    """Generate is pressed and its job runs. One that GIMP's own cancel has left behind may run for
    as long as the server waits for somebody to follow it."""
    gimp.wait_for_status(TITLE, "steps")
    earlier = {job["id"] for job in gimp.jobs()}
    gimp.gui.press(TITLE, "Generate")

    def at_work_now():
        return next((job for job in gimp.jobs() if is_at_work(job, earlier)), None)

    return wait(at_work_now, "a job at work", 90)


def is_at_work(job, earlier):
    running = job["status"] == "running" and job["progress"]["phase"] == "denoising"
    return running and job["id"] not in earlier


@pytest.fixture
def typed(gimp):
    gimp.open_scene(more=FEATHERED)
    gimp.open_dialog(TITLE)
    type_in(gimp)
    return [WORDS, 0.7, 2, 200, 3.5]


def test_words_are_there_again_after_stop_and_after_gimps_own_cancel(gimp, typed):
    before = gimp.snapshot()
    job = at_work(gimp)
    gimp.gui.press(TITLE, "Stop")
    gimp.wait_for_news(TITLE, "Stopped")
    assert shown(gimp) == typed
    wait(lambda: gimp.status_of(job) == "cancelled", "the job's end")
    at_work(gimp)
    gimp.gui.progress_cancel()
    assert again(gimp) == typed
    assert gimp.differences(before) == []


def test_words_are_there_again_after_a_closed_dialog_a_killed_engine_and_a_killed_server(
    gimp, typed
):
    gimp.gui.press(TITLE, "Cancel")
    assert again(gimp) == typed
    before = gimp.snapshot()
    at_work(gimp)
    os.kill(gimp.server.ask("/v1/status")["engine"]["pid"], signal.SIGKILL)
    gimp.wait_for_news(TITLE, "engine")
    assert shown(gimp) == typed
    at_work(gimp)
    gimp.kill_server()
    try:
        gimp.wait_for_news(TITLE, "can't be reached")
        assert shown(gimp) == typed
        gimp.keep_evidence("killed-server")
    finally:
        gimp.restart_server()
    assert gimp.differences(before) == []


def test_words_are_there_again_where_nothing_can_be_generated(gimp, typed):
    """Nothing is selected, or the token is wrong: the button is gray and the reason is told."""
    gui = gimp.gui
    gimp.wait_for_status(TITLE, "steps")
    gui.python("Gimp.Selection.none(image)")
    gimp.wait_for_status(TITLE, "Nothing is selected")
    wait(lambda: not gui.sensitive(TITLE, "Generate"), "a gray button")
    gui.python("image.select_rectangle(Gimp.ChannelOps.REPLACE, 40, 40, 100, 100)")
    gimp.wait_for_status(TITLE, "steps")
    wait(lambda: gui.sensitive(TITLE, "Generate"), "the button")
    gui.press(TITLE, "Cancel")
    gui.gone(TITLE)
    gimp.set_server(gimp.server.url, "wrong")
    assert again(gimp) == typed
    gimp.wait_for_status(TITLE, "token")
    wait(lambda: not gui.sensitive(TITLE, "Generate"), "a gray button")
    gui.press(TITLE, "Cancel")
    assert again(gimp) == typed


def test_words_are_there_again_after_the_image_was_closed_and_after_gimp_was_killed(gimp, typed):
    gui = gimp.gui
    at_work(gimp)
    gui.python("image.clean_all()\ndisplay.delete()")
    gimp.end_jobs()
    gui.gone(TITLE)
    gimp.close_windows()
    gimp.open_scene(more=FEATHERED)
    gimp.open_dialog(TITLE)
    assert shown(gimp) == typed
    wait(lambda: gimp.kept("regenerate-selection")["typed"]["guidance"] == 3.5, "the file")
    gimp.kill_gimp()
    gimp.open_scene(more=FEATHERED)
    gimp.open_dialog(TITLE)
    assert shown(gimp) == typed


def test_words_that_a_reset_took_away_can_be_taken_back(gimp):
    """GIMP's own Reset empties every field."""
    gimp.open_scene(more=FEATHERED)
    gui = gimp.gui
    gimp.open_dialog(TITLE)
    gui.set_text(TITLE, "Prompt", WORDS)
    unfold(gimp, TITLE, "Negative prompt", "Negative prompt")
    gui.press(TITLE, "Reset")
    gui.press_in_any_window("Factory Defaults")
    wait(lambda: gui.text(TITLE, "Prompt", "text") == "", "the reset")
    first = gui.history(TITLE)[0]
    assert first.startswith("一弯“黄色”的月亮 🌙")
    gui.take_back(TITLE, first)
    wait(lambda: gui.text(TITLE, "Prompt", "text") == WORDS, "the words")
    gui.press(TITLE, "Cancel")
    gui.gone(TITLE)
    gimp.open_dialog("Image to Image")  # the last words of all actions
    assert first in gui.history("Image to Image")
