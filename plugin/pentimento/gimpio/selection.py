"""The selection as a box and as a mask."""

from __future__ import annotations

from gi.repository import Gimp

from errors import NotPossible
from gimpio import pixels
from i18n import _
from wire import Box, Pixels


def bounds(image) -> Box:
    """The box of everything selected, however softly. Raises NotPossible for no selection."""
    _ok, some, left, top, right, bottom = Gimp.Selection.bounds(image)
    if not some:
        raise NotPossible(
            _("Nothing is selected."),
            _("Select the area to regenerate, with the lasso for example, and try again."),
            "no_selection",
        )
    return Box(left, top, right - left, bottom - top)


def read(image, box: Box) -> Pixels:
    """The selection's values in a box of the canvas: 0 outside, 255 fully selected."""
    return pixels.read(image.get_selection(), box, "y-u8")
