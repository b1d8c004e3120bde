"""A dialog's window: never higher than the screen, wholly on it, beside what is worked on, and as
still as can be."""

from __future__ import annotations

from typing import Optional, Tuple

from gi.repository import Gdk, GLib, Gtk

import dialogs.native as native

WIDTH = 600
FRAME = 48  # px that a window manager may add above and below
LOOK_MS = 250
LOOKS = 20  # a window manager that tiles gives no window the size that it asks for


class FittedWindow:
    """`scroll` holds the body, which scrolls where the screen is small."""

    def __init__(self, dialog: Gtk.Dialog, scroll: Gtk.ScrolledWindow) -> None:
        self._dialog, self._scroll = dialog, scroll
        self._height: Optional[int] = None  # asked for; until it is `_settled` another one is old
        self._settled = False
        self._asked = (0, 0)
        self._looks_left = 0
        self._timer = 0
        dialog.connect("destroy", lambda *_args: self._stop_looking())

    def fit(self, may_shrink: bool = False) -> None:
        """As high as its content wants to be, or as it is: a text that becomes shorter moves
        nothing. What a person has sized by hand stays so."""
        dialog, area = self._dialog, self._work_area()
        self._scroll.set_max_content_height(max(80, area.height - FRAME - self._chrome()))
        self._scroll.set_max_content_width(max(200, area.width - 2 * native.BORDER))
        width, height = self._size()
        self._settled = self._settled or height == self._height
        by_hand = self._settled and self._height is not None and height > self._height
        wanted = dialog.get_preferred_size()[1]
        new_width = min(max(wanted.width, WIDTH if self._height is None else width), area.width)
        new_height = dialog.get_preferred_height_for_width(new_width)[1]
        if self._height is not None and not may_shrink:
            new_height = max(new_height, self._height)
        new_height = min(height if by_hand else new_height, area.height - FRAME)
        if not (new_width, new_height) == (width, height) == self._asked:
            self._ask(new_width, new_height)
        if self._height is None:
            self._stand_aside(area, new_height)
        if new_height != self._height:
            self._height, self._settled = new_height, False
        if dialog.get_visible() and self._is_inside(area, width, height):
            self._move_inside(area, new_width, new_height)

    def _ask(self, width: int, height: int) -> None:
        self._asked = (width, height)
        self._dialog.resize(width, height)
        self._looks_left = LOOKS
        if not self._timer:
            self._timer = GLib.timeout_add(LOOK_MS, self._look_whether_it_came)

    def _look_whether_it_came(self) -> bool:
        """GTK may forget a size that it was asked for while the window manager's answer to an
        earlier one is on its way; what is unfolded would then be out of sight."""
        self._settled = self._settled or self._size()[1] == self._height
        self._looks_left -= 1
        if self._settled or not self._looks_left:
            self._timer = 0
            return GLib.SOURCE_REMOVE
        self._dialog.resize(*self._asked)
        return GLib.SOURCE_CONTINUE

    def _stop_looking(self) -> None:
        if self._timer:
            GLib.source_remove(self._timer)
            self._timer = 0

    def _stand_aside(self, area: Gdk.Rectangle, height: int) -> None:
        """At the left edge, before it is shown: the image is in the middle, its layers are at the
        right."""
        self._dialog.set_position(Gtk.WindowPosition.NONE)
        self._dialog.move(area.x, area.y + max(0, (area.height - FRAME - height) // 2))

    def _size(self) -> Tuple[int, int]:
        width, height = self._dialog.get_size()
        return width or 0, height or 0

    def _chrome(self) -> int:
        """The height of everything but the body."""
        whole = self._dialog.get_preferred_height()[0]
        return max(0, whole - self._scroll.get_preferred_height()[0])

    def _is_inside(self, area: Gdk.Rectangle, width: int, height: int) -> bool:
        """Whether it was wholly on the screen before it grew: a person who has pushed it aside to
        see the image doesn't want it back under the pointer."""
        x, y = self._dialog.get_position()
        across = area.x <= x and x + width <= area.x + area.width
        return across and area.y <= y and y + height <= area.y + area.height

    def _move_inside(self, area: Gdk.Rectangle, width: int, height: int) -> None:
        x, y = self._dialog.get_position()
        left = max(area.x, min(x, area.x + area.width - width))
        top = max(area.y, min(y, area.y + area.height - FRAME - height))
        if (left, top) != (x, y):
            self._dialog.move(left, top)

    def _work_area(self) -> Gdk.Rectangle:
        return native.work_area(self._dialog.get_window())
