"""Drawing on small pictures, with GdkPixbuf alone: the drawing library that Gtk has is not in every
GIMP's Python."""

from __future__ import annotations

from gi.repository import GdkPixbuf

WHITE, BLACK = 0xFFFFFFFF, 0x000000FF


def copy(picture: GdkPixbuf.Pixbuf) -> GdkPixbuf.Pixbuf:
    made = picture.copy()
    if made is None:
        raise MemoryError
    return made


def put(source: GdkPixbuf.Pixbuf, target: GdkPixbuf.Pixbuf, x: int, y: int) -> None:
    """Over what is there, as opaque as the source is."""
    size = source.get_width(), source.get_height()
    nearest = GdkPixbuf.InterpType.NEAREST
    source.composite(target, x, y, *size, x, y, 1, 1, nearest, 255)


def fill(target: GdkPixbuf.Pixbuf, x: int, y: int, width: int, height: int, color: int) -> None:
    """A rectangle, as far as it lies in the picture."""
    left, top = max(0, x), max(0, y)
    right, bottom = min(target.get_width(), x + width), min(target.get_height(), y + height)
    if left < right and top < bottom:
        target.new_subpixbuf(left, top, right - left, bottom - top).fill(color)


def frame(target: GdkPixbuf.Pixbuf, left: int, top: int, right: int, bottom: int) -> None:
    """A line of white beside one of black, which is seen on everything."""
    for inset, ink in ((0, BLACK), (1, WHITE)):
        x, y, width, height = left + inset, top + inset, right - left, bottom - top
        for line in ((x, y, width, 1), (x, y + height, width + 1, 1)):
            fill(target, *line, ink)
        for line in ((x, y, 1, height), (x + width, y, 1, height)):
            fill(target, *line, ink)
