"""What the studio panel shows where there is little room, and what it says of what it has done."""

from __future__ import annotations

import pytest
from tests.gui.session import RESULT_SECONDS, wait
from tests.gui.test_studio import TITLE, WORDS, at_work, generate, ready, studio  # noqa: F401

pytestmark = [pytest.mark.gui, pytest.mark.panel]
LOW = 708  # px that a screen of 768 leaves to a window
NARROW, USUAL = 320, 360  # px


def place_of(gimp, name):
    """Where a button is: (x, y, width, height)."""
    return next(tuple(found[1:]) for found in gimp.gui.places(TITLE) if found[0] == name)


def at_rest(gimp, name):
    """Where a button has come to stand, and how wide; GTK shares out places little by little."""
    seen = []

    def still():
        seen.append(place_of(gimp, name)[:3])
        return seen[-3:] == [seen[-1]] * 3

    wait(still, f"{name} at rest")
    return seen[-1]


def test_tokens_are_counted_beside_the_prompt(studio):  # noqa: F811
    """The starter model reads 46 tokens at a time."""
    gui = studio.gui
    ready(studio)
    counted = lambda text: wait(lambda: gui.is_shown(TITLE, text), text)  # noqa: E731
    gui.set_text(TITLE, "Prompt", "a yellow moon")
    counted("3 of 46 tokens")
    gui.set_text(TITLE, "Prompt", "a (yellow:1.3) moon <lora:ink:0.5>")
    counted("3 of 46 tokens")
    gui.set_text(TITLE, "Prompt", "a yellow moon, " * 12)
    counted("48 tokens in 2 parts")
    studio.keep_evidence("studio-tokens")
    gui.set_text(TITLE, "Prompt", WORDS)
    counted("52 tokens in 2 parts")  # Chinese, Arabic and emoji byte by byte
    gui.set_text(TITLE, "Prompt", "")
    wait(lambda: "tokens" not in gui.all_text(TITLE), "nothing to count")
    assert "yellow" not in (studio.data / "logs" / "server.log").read_text()


def test_a_try_fits_a_low_screen_and_nothing_moves(studio):  # noqa: F811
    gui = studio.gui
    ready(studio, count=4, steps=60)
    gui.press(TITLE, "More options", "toggle button")
    gui.place(TITLE, 900, 0, USUAL, LOW)
    generate(studio)
    wait(lambda: gui.is_shown(TITLE, "Stop"), "the job")
    before = at_rest(studio, "Stop")  # its height may still change
    at_work(studio)
    wait(lambda: gui.is_shown(TITLE, "Preview"), "a preview", RESULT_SECONDS)
    assert at_rest(studio, "Stop") == before, "the preview's place was kept free"
    studio.keep_evidence("studio-low-working")
    for name in ("Prompt", "Strength", "Fill Selection", "Progress", "Stop", "Stop and Keep"):
        assert gui.is_shown(TITLE, name), name
    gui.press(TITLE, "Stop and Keep")
    told = studio.wait_for_news(TITLE, "Stopped after step ")
    assert "is there" in told or "are there" in told
    gui.place(TITLE, 900, 0, USUAL, 1240)
    ready(studio, count=4, steps=2)
    generate(studio)
    wait(lambda: gui.is_shown(TITLE, "Result 4 of 4"), "four results", RESULT_SECONDS)
    ready(studio, words="seen while the strip is full", count=1, steps=200)
    gui.press(TITLE, "More options", "toggle button")
    gui.place(TITLE, 900, 0, USUAL, LOW)
    generate(studio)
    at_work(studio)
    studio.keep_evidence("studio-low-strip")
    for name in ("Prompt", "Strength", "Stop", "Keep", "Result 4 of 4"):
        assert gui.is_shown(TITLE, name), name
    gui.place(TITLE, 900, 0, NARROW, LOW)
    wait(lambda: gui.cut(TITLE) == [], "everything within the narrow column")
    studio.keep_evidence("studio-low-narrow")
    gui.press(TITLE, "Stop")
    studio.wait_for_news(TITLE, "Stopped")
