"""How many clicks the studio panel needs from a drawn lasso, counted."""

from __future__ import annotations

import pytest
from tests.gui.session import RESULT_SECONDS, wait
from tests.gui.test_studio import TITLE, ready, studio  # noqa: F401

pytestmark = [pytest.mark.gui, pytest.mark.panel]
TOP = """(lambda layer: (lambda job: [layer.get_id(), job and [*job.get_data()]])(
    layer.get_parasite("pentimento-job")))(image.get_layers()[0])"""  # a try takes over a layer


class Hand:
    """Clicks, and counts them."""

    def __init__(self, gimp):
        self.gimp, self.clicks = gimp, 0

    def press(self, name):
        """And waits for the result that comes of it."""
        gui, before = self.gimp.gui, self.gimp.read(TOP)
        wait(lambda: gui.sensitive(TITLE, name), f"{name} to be pressed")
        gui.press(TITLE, name)
        self.clicks += 1
        made = lambda: self.gimp.read(TOP) != before and self.gimp.at_rest()  # noqa: E731
        wait(made, "the result", RESULT_SECONDS)

    def click(self, name):
        self.gimp.gui.click(TITLE, name)
        self.clicks += 1

    def drag(self, name, value):
        self.gimp.gui.set_value(TITLE, name, value)
        self.clicks += 1

    def taken(self):
        count, self.clicks = self.clicks, 0
        return count


def test_clicks_from_a_lasso(studio):  # noqa: F811
    hand, gui = Hand(studio), studio.gui
    ready(studio, words="a moon", steps=3)
    hand.press("Fill Selection")
    assert hand.taken() == 1, "the first fill"
    gui.set_text(TITLE, "Prompt", "a yellow moon")
    hand.press("Fill Selection")
    assert hand.taken() == 1, "new words"
    hand.press("Fill Selection")
    assert hand.taken() == 1, "another variation"
    studio.wait_for_layers(2)  # the one before goes once the new one is there
    ready(studio, words="a yellow moon", count=4)
    hand.press("Fill Selection")
    hand.taken()
    wait(lambda: gui.is_shown(TITLE, "Result 4 of 4"), "four small pictures")
    hand.click("Result 3 of 4")
    name = "image.get_layers()[0].get_name() or ''"  # none of one that goes in this moment
    wait(lambda: studio.read(name).startswith("3/4"), "the third result")
    gui.keys(TITLE, "Return")
    wait(lambda: not gui.sensitive(TITLE, "Keep"), "nothing on trial")
    assert hand.taken() == 1, "one of four, and Return"
    ready(studio, words="a yellow moon", count=1)
    for strength in (0.4, 0.6, 0.8):
        hand.drag("Strength", strength)
        hand.press(f"Refine Selection at {strength * 100:.0f} %")
    assert hand.taken() == 6, "three strengths of one source"
    asked = [job["record"]["request"] for job in studio.jobs()[:3]]
    assert [one["strength"] for one in asked] == [0.8, 0.6, 0.4]
    read = {(str(one["place"]), one["source"]["blob"]) for one in asked}
    assert len(read) == len({place for place, _blob in read}), "what is seen without the tries"
    studio.wait_for_layers(3)  # the kept one and the last try
