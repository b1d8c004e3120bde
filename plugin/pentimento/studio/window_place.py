"""Where the panel's window stood and how large it was, kept from one opening to the next."""

from __future__ import annotations

from typing import Any, Optional

from gi.repository import Gdk, Gtk

import remembered

NAME = "studio-window"
KEYS = ("x", "y", "width", "height")  # px


def keep(window: Gtk.Window) -> None:
    """As it stands now."""
    remembered.keep_named(NAME, dict(zip(KEYS, (*window.get_position(), *window.get_size()))))


def recall(window: Gtk.Window) -> None:
    """Before it is shown. A place of a monitor that is gone, or that has become smaller, is none:
    the window stands then where the window manager puts it."""
    area = _kept()
    if area is None:
        return
    display = Gdk.Display.get_default()
    assert display is not None, "the panel is shown on a display only"
    for number in range(display.get_n_monitors()):
        monitor = display.get_monitor(number)
        if monitor is not None and _holds(monitor.get_workarea(), area):
            window.set_default_size(area.width, area.height)
            window.move(area.x, area.y)
            return


def _kept() -> Optional[Gdk.Rectangle]:
    kept = remembered.named(NAME)
    values = [value for key in KEYS if type(value := kept.get(key)) is int]
    if len(values) != len(KEYS):
        return None
    area = Gdk.Rectangle()
    area.x, area.y, area.width, area.height = values
    return area if area.width > 0 and area.height > 0 else None


def _holds(work: Any, area: Gdk.Rectangle) -> bool:
    across = work.x <= area.x and area.x + area.width <= work.x + work.width
    return across and work.y <= area.y and area.y + area.height <= work.y + work.height
