"""The map: a small picture of the image that is aimed at, with what is selected, the box that is
sent, and the size that is painted at."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, List, Optional, Tuple

import dialogs.native as native

if TYPE_CHECKING:
    from answers import Plan

native.start()

from gi.repository import GdkPixbuf, Gimp, Gtk

import dialogs.previews as previews
from dialogs.drawing import copy, frame, put
from i18n import _

WIDTH, HEIGHT = 104, 72  # px, that the map fits into
DARK, REST = (0, 0, 0), 150  # what is not selected, and its alpha (0..255)
SHARE = 20  # looking at the image may take one part in so many of the time
LEAST_SECONDS = 1.0  # between two looks at an image that nobody has pointed to

Look = Tuple[int, int, int, bytes]  # width, height, bytes for each pixel, the pixels in sRGB


class Map(Gtk.Box):
    def __init__(self) -> None:
        super().__init__(orientation=Gtk.Orientation.HORIZONTAL, spacing=native.SPACING)
        self._picture = Gtk.Image(valign=Gtk.Align.START)
        self._words = native.paragraph()
        self._words.set_xalign(0)
        self._seen: Optional[Tuple[Look, Optional[Look]]] = None
        self._again = 0.0  # when the image may be looked at again
        native.name(self, _("Map"))
        self.pack_start(self._picture, False, False, 0)
        self.pack_start(self._words, True, True, 0)

    def look(self, image: Optional[Any], plan: Optional[Plan], changed: bool) -> None:
        """Shows the image as it is now; unless something is known to have changed no more often
        than GIMP can spare. A large image takes long, so that the window is shown first."""
        if not self.get_mapped():
            self._keep_room(image)
            return
        now = time.monotonic()
        if not changed and now < self._again:
            return
        if image is None:
            self._seen = None
            self._picture.clear()
            self._words.set_text("")
            return
        selected = not Gimp.Selection.is_empty(image)
        mask = image.get_selection() if selected else None
        seen = (
            _look(image.get_thumbnail_data(WIDTH, HEIGHT)),
            _look(mask.get_thumbnail_data(WIDTH, HEIGHT)) if mask is not None else None,
        )
        cost = time.monotonic() - now
        self._again = now + max(LEAST_SECONDS, SHARE * cost)
        if changed or seen != self._seen:
            self._seen = seen
            self._show(image, plan)

    def _keep_room(self, image: Optional[Any]) -> None:
        """What is below the picture stays where it is when that comes."""
        if image is not None:
            width, height = image.get_width(), image.get_height()
            part = min(1.0, WIDTH / width, HEIGHT / height)
            self._picture.set_size_request(round(width * part), round(height * part))

    def _show(self, image: Any, plan: Optional[Plan]) -> None:
        if self._seen is None:
            return
        look, selection = self._seen
        picture = copy(_pixbuf(look))
        if selection is not None:
            put(_veil(selection, picture.get_width(), picture.get_height()), picture, 0, 0)
        canvas = image.get_width(), image.get_height()
        if plan is not None:
            across, down = picture.get_width() / canvas[0], picture.get_height() / canvas[1]
            box = plan["box"]
            left, top = int(box["x"] * across), int(box["y"] * down)
            right = min(picture.get_width() - 1, int((box["x"] + box["width"]) * across))
            bottom = min(picture.get_height() - 1, int((box["y"] + box["height"]) * down))
            frame(picture, max(0, left), max(0, top), right, bottom)
        self._picture.set_size_request(-1, -1)
        self._picture.set_from_pixbuf(picture)
        self._words.set_text("\n".join(_lines(image, plan)))


def _lines(image: Any, plan: Optional[Plan]) -> List[str]:
    _ok, some, left, top, right, bottom = Gimp.Selection.bounds(image)
    lines = [
        _("Image: {width} × {height}").format(width=image.get_width(), height=image.get_height())
    ]
    if some:
        size = {"width": right - left, "height": bottom - top}
        lines.append(_("Selection: {width} × {height}").format(**size))
    if plan is not None:
        box, painted = plan["box"], plan["generation"]
        lines.append(_("Area: {width} × {height}").format(width=box["width"], height=box["height"]))
        size = {"width": painted["width"], "height": painted["height"]}
        lines.append(_("Painted at: {width} × {height}").format(**size))
    return lines


def of_image(image: Any, side: int) -> Look:
    """What is seen of an image, in at most so many px. (GIMP's own function for a picture of it
    gives Python one that it frees too early, in 3.2.6.)"""
    return _look(image.get_thumbnail_data(side, side))


def _look(told: Any) -> Look:
    data, width, height, each = told
    return width, height, each, bytes(data.get_data())


def _pixbuf(look: Look) -> GdkPixbuf.Pixbuf:
    width, height, each, data = look
    rgba = bytearray(4 * width * height)
    color, alpha = (each - each % 2) > 1, each % 2 == 0
    count = 3 if color else 1
    for channel in range(3):
        rgba[channel::4] = data[channel % count :: each]
    rgba[3::4] = data[each - 1 :: each] if alpha else b"\xff" * (width * height)
    shown = previews.pixbuf(rgba, width, height)
    made = shown.composite_color_simple(
        width, height, GdkPixbuf.InterpType.NEAREST, 255, *previews.CHECKS
    )
    if made is None:
        raise MemoryError
    return made


def _veil(selection: Look, width: int, height: int) -> GdkPixbuf.Pixbuf:
    """Dark where nothing is selected."""
    wide, high, each, data = selection
    values = data[::each]
    fading = bytes((255 - value) * REST // 255 for value in range(256))
    veil = bytearray(4 * wide * high)
    for channel, value in enumerate(DARK):
        veil[channel::4] = bytes((value,)) * (wide * high)
    veil[3::4] = values.translate(fading)
    made = previews.pixbuf(veil, wide, high)
    if (wide, high) == (width, height):
        return made
    return made.scale_simple(width, height, GdkPixbuf.InterpType.BILINEAR) or made
