"""A picture on which a person shows where an object is: by clicks, strokes and a box, with the
mouse or the keyboard. What is not selected is red, as with GIMP's Quick Mask."""

from __future__ import annotations

from typing import Any, Callable, List, Optional, Tuple

import dialogs.native as native
import dialogs.previews as previews

native.start()

from gi.repository import Gdk, GdkPixbuf, GLib, Gtk

import dialogs.drawing as drawing
from dialogs.drawing import BLACK, WHITE
from hints import Hints, Place
from i18n import _
from wire import Box, Pixels

MOST = (560, 360)  # px of the picture in the dialog
ON, BESIDE, BOX = "on", "beside", "box"  # tools
CLICK = 4  # px that a mouse may slip during a click
SPACING = 6  # px between the places of a stroke
STROKE = 48  # places of a stroke at most
STEP, FINE = 8, 1  # px that an arrow key goes
RED, REST = (224, 32, 32), 150  # the colour of what is not selected, and its alpha (0..255)
GREEN, PINK = 0x30E060FF, 0xFF50A0FF
ARROWS = {
    Gdk.KEY_Left: (-1, 0),
    Gdk.KEY_Right: (1, 0),
    Gdk.KEY_Up: (0, -1),
    Gdk.KEY_Down: (0, 1),
}


class HintCanvas(Gtk.EventBox):
    """`changed(hints)` hears of new hints, in px of the image; `tool` is what the left button does.
    Ctrl, or the right button, is the tool for places beside the object, Shift the box."""

    def __init__(self, changed: Callable[[Hints], None]) -> None:
        super().__init__(can_focus=True, halign=Gtk.Align.CENTER, valign=Gtk.Align.START)
        self._image = Gtk.Image(halign=Gtk.Align.START, valign=Gtk.Align.START)
        self.add(self._image)
        self._changed = changed
        self.tool = ON
        self.hints = Hints()
        self._picture: Optional[GdkPixbuf.Pixbuf] = None
        self._veiled: Optional[GdkPixbuf.Pixbuf] = None  # the picture under the mask
        self._extent = Box(0, 0, 1, 1)
        self._cursor = (0, 0)  # px of the picture, for the keyboard
        self._by_keys = False  # whose cross would puzzle who uses the mouse
        self._corner: Optional[Tuple[int, int]] = None  # of a box that the keyboard has begun
        self._drag: List[Tuple[int, int]] = []
        self._dragging = ""
        keys = _("Arrow keys move the cross, Space sets a place, minus one beside the object")
        native.name(self, _("Picture"), keys)
        self.set_tooltip_text(_("Red: what is not selected.") + "\n" + keys)
        events = Gdk.EventMask
        self.add_events(
            events.BUTTON_PRESS_MASK
            | events.BUTTON_RELEASE_MASK
            | events.BUTTON_MOTION_MASK
            | events.KEY_PRESS_MASK
        )
        self.connect("button-press-event", self._pressed)
        self.connect("motion-notify-event", self._moved)
        self.connect("button-release-event", self._released)
        self.connect("key-press-event", self._typed)
        self.connect("focus", lambda *_args: self._use_keys(True))  # by Tab
        self.connect("focus-out-event", lambda *_args: self._use_keys(False))

    def begin(self) -> None:
        """Takes the focus, without the cross until a key is pressed."""
        self.grab_focus()
        self._use_keys(False)

    def _use_keys(self, by_keys: bool) -> bool:
        self._by_keys = by_keys
        GLib.idle_add(self._draw)
        return False  # the signal goes on

    # What is shown

    def show_picture(self, picture: GdkPixbuf.Pixbuf, extent: Box) -> None:
        """The source, which lies at `extent`."""
        self._picture, self._veiled, self._extent = picture, None, extent
        self._cursor = picture.get_width() // 2, picture.get_height() // 2
        self._corner = None
        self._draw()

    def show_mask(self, mask: Optional[Pixels]) -> None:
        """How much of each pixel of the source is selected."""
        self._veiled = None
        if mask is not None and self._picture is not None:
            width, height = self._picture.get_width(), self._picture.get_height()
            self._veiled = drawing.copy(self._picture)
            veil = _veil(mask, width, height)
            drawing.put(veil, self._veiled, 0, 0)
        self._draw()

    def show_hints(self, hints: Hints) -> None:
        if hints != self.hints:
            self.hints = hints
            self._draw()

    def _draw(self) -> bool:
        """Everything anew; the picture is small."""
        if self._picture is None:
            return GLib.SOURCE_REMOVE
        shown = drawing.copy(self._veiled or self._picture)
        box = self._seen_box()
        if box is not None:
            drawing.frame(shown, *box)
        for places, color in ((self.hints.on, GREEN), (self.hints.beside, PINK)):
            for place in places:
                _dot(shown, *self._seen(place), color)
        if self._dragging in (ON, BESIDE):
            for x, y in self._drag:
                _dot(shown, x, y, GREEN if self._dragging == ON else PINK)
        if self._by_keys:
            _cross(shown, *self._cursor)
        self._image.set_from_pixbuf(shown)
        return GLib.SOURCE_REMOVE

    def _seen_box(self) -> Optional[Tuple[int, int, int, int]]:
        """The box as it is being drawn, or as it is: left, top, right, bottom."""
        if self._dragging == BOX and len(self._drag) > 1:
            return _around(self._drag[0], self._drag[-1])
        if self._corner is not None:
            return _around(self._corner, self._cursor)
        box = self.hints.box
        if box is None:
            return None
        return _around(
            self._seen((box.x, box.y)), self._seen((box.x + box.width, box.y + box.height))
        )

    # Places: px of the picture here, of the image outside

    def _scales(self) -> Tuple[float, float]:
        assert self._picture is not None
        return (
            self._extent.width / self._picture.get_width(),
            self._extent.height / self._picture.get_height(),
        )

    def _seen(self, place: Place) -> Tuple[int, int]:
        across, down = self._scales()
        return int((place[0] - self._extent.x) / across), int((place[1] - self._extent.y) / down)

    def _meant(self, x: int, y: int) -> Place:
        """The middle of what is seen there, inside the source."""
        across, down = self._scales()
        right = min((x + 0.5) * across, self._extent.width - 0.01)
        below = min((y + 0.5) * down, self._extent.height - 0.01)
        return round(self._extent.x + right, 1), round(self._extent.y + below, 1)

    def _inside(self, x: float, y: float) -> Tuple[int, int]:
        assert self._picture is not None
        width, height = self._picture.get_width(), self._picture.get_height()
        return int(min(max(x, 0), width - 1)), int(min(max(y, 0), height - 1))

    # The mouse

    def _pressed(self, _widget: Any, event: Any) -> bool:
        if self._picture is None or event.type != Gdk.EventType.BUTTON_PRESS:
            return False
        self.begin()
        states = Gdk.ModifierType
        self._dragging = self.tool
        if event.state & states.SHIFT_MASK:
            self._dragging = BOX
        elif event.button == 3 or event.state & states.CONTROL_MASK:
            self._dragging = BESIDE
        self._drag = [self._inside(event.x, event.y)]
        self._draw()
        return True

    def _moved(self, _widget: Any, event: Any) -> bool:
        if not self._dragging:
            return False
        here = self._inside(event.x, event.y)
        if self._dragging == BOX:
            self._drag[1:] = [here]
        elif _apart(self._drag[-1], here) >= SPACING:
            self._drag.append(here)
        self._draw()
        return True

    def _released(self, _widget: Any, event: Any) -> bool:
        kind, drag = self._dragging, self._drag
        self._dragging, self._drag = "", []
        if not kind:
            return False
        end = self._inside(event.x, event.y)
        if kind != BOX:
            self._add(drag, kind == ON)
        elif _apart(drag[0], end) > CLICK:
            self._set_box(drag[0], end)
        else:
            self._draw()
        return True

    # The keyboard

    def _typed(self, _widget: Any, event: Any) -> bool:
        if self._picture is None:
            return False
        shift = event.state & Gdk.ModifierType.SHIFT_MASK
        if event.keyval in ARROWS:
            step = FINE if shift else STEP
            across, down = ARROWS[event.keyval]
            x, y = self._cursor
            self._cursor = self._inside(x + across * step, y + down * step)
            self._use_keys(True)
            return True
        if event.keyval in (Gdk.KEY_space, Gdk.KEY_Return, Gdk.KEY_KP_Enter):
            if self.tool == BOX:
                self._set_corner()
            else:
                self._add([self._cursor], self.tool == ON)
            return True
        if event.keyval in (Gdk.KEY_minus, Gdk.KEY_KP_Subtract):
            self._add([self._cursor], False)
            return True
        return False

    def _set_corner(self) -> None:
        corner, self._corner = self._corner, None
        if corner is None:
            self._corner = self._cursor
            self._draw()
        elif _apart(corner, self._cursor) > CLICK:
            self._set_box(corner, self._cursor)

    # What comes of it

    def _add(self, drag: List[Tuple[int, int]], wanted: bool) -> None:
        step = -(-len(drag) // STROKE)
        self._give(self.hints.with_places([self._meant(*one) for one in drag[::step]], wanted))

    def _set_box(self, one: Tuple[int, int], other: Tuple[int, int]) -> None:
        left, top, right, bottom = _around(one, other)
        across, down = self._scales()
        x, y = int(left * across), int(top * down)
        width = min(self._extent.width, round((right + 1) * across)) - x
        height = min(self._extent.height, round((bottom + 1) * down)) - y
        box = Box(self._extent.x + x, self._extent.y + y, max(1, width), max(1, height))
        self._give(self.hints._replace(box=box))

    def _give(self, hints: Hints) -> None:
        self.hints = hints
        self._draw()
        self._changed(hints)


def _apart(one: Tuple[int, int], other: Tuple[int, int]) -> int:
    return max(abs(one[0] - other[0]), abs(one[1] - other[1]))


def _around(one: Tuple[int, int], other: Tuple[int, int]) -> Tuple[int, int, int, int]:
    left, right = sorted((one[0], other[0]))
    top, bottom = sorted((one[1], other[1]))
    return left, top, right, bottom


def _veil(mask: Pixels, width: int, height: int) -> GdkPixbuf.Pixbuf:
    """What is not selected in red, by the nearest values of the mask."""
    fading = bytes((255 - value) * REST // 255 for value in range(256))
    data = bytearray(4 * width * height)
    for channel, value in enumerate(RED):
        data[channel::4] = bytes((value,)) * (width * height)
    data[3::4] = previews.sampled(mask, width, height).translate(fading)
    return previews.pixbuf(data, width, height)


def _dot(target: GdkPixbuf.Pixbuf, x: int, y: int, color: int) -> None:
    for size, ink in ((9, BLACK), (7, WHITE), (5, color)):
        drawing.fill(target, x - size // 2, y - size // 2 + 1, size, size - 2, ink)
        drawing.fill(target, x - size // 2 + 1, y - size // 2, size - 2, size, ink)


def _cross(target: GdkPixbuf.Pixbuf, x: int, y: int) -> None:
    for width, ink in ((3, BLACK), (1, WHITE)):
        for side in (-10, 4):
            drawing.fill(target, x + side, y - width // 2, 7, width, ink)
            drawing.fill(target, x - width // 2, y + side, width, 7, ink)
