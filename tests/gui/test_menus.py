"""The menu entries of the plug-in: there, and live exactly when they can work."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.gui
WITH_IMAGE = [
    *("Image to Image...", "Regenerate Selection...", "Edit by Instruction...", "Generate Again")
]
ALWAYS = ["Text to Image...", "Server...", "Doctor..."]


@pytest.mark.parametrize("label", WITH_IMAGE + ALWAYS)
def test_entries_are_live_with_an_image(gimp, label):
    gimp.open_scene()
    assert gimp.gui.menu_sensitive(label)


@pytest.mark.parametrize(
    ("label", "live"),
    [(label, False) for label in WITH_IMAGE] + [(label, True) for label in ALWAYS],
)
def test_only_entries_without_need_of_an_image_are_live_without_one(gimp, label, live):
    assert gimp.gui.menu_sensitive(label) is live
