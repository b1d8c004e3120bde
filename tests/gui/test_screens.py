"""The dialogs on the screens that people have: with everything unfolded the buttons are on the
screen, Tab goes through what can be seen and nothing else, no letter opens two widgets, Escape
closes, and GIMP has nothing to complain about."""

from __future__ import annotations

import pytest
from tests.gui.screens import check, close, complaints, opened, tab_through, unfold_everything

pytestmark = pytest.mark.gui
ASKING = (
    *("Image to Image", "Regenerate Selection", "Text to Image"),
    *("Edit by Instruction", "Make Control Layer"),
)


def test_the_buttons_are_on_the_screen_with_everything_unfolded(screen):
    gui = screen.gui
    for name in ASKING:
        title = opened(screen, name)
        stops = tab_through(gui, title)
        assert len(stops) >= 4, stops
        assert [stop for stop in stops if not stop[2]] == [], f"hidden stops in {name}"
        unfold_everything(screen, title)
        check(screen, title, name)
        close(screen, title)
    assert complaints(screen) == []
