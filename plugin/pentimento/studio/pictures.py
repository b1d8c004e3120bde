"""Small pictures for the panel, from what the server sends."""

from __future__ import annotations

from typing import Optional

from gi.repository import GdkPixbuf, GLib, Gtk


def pixbuf_of(file: bytes) -> Optional[GdkPixbuf.Pixbuf]:
    """A JPEG or PNG file; None for one that is damaged."""
    loader = GdkPixbuf.PixbufLoader()
    try:
        loader.write(file)
        loader.close()
    except GLib.Error:
        return None
    return loader.get_pixbuf()


class Frame(Gtk.Image):
    """Shows a picture as large as fits into so many px. GIMP's Python need not have cairo, so there
    is no drawing of our own."""

    def __init__(self, width: int, height: int) -> None:
        super().__init__()
        self.set_size_request(width, height)
        self._size = width, height

    def show_picture(self, picture: Optional[GdkPixbuf.Pixbuf]) -> None:
        if picture is None:
            self.clear()
            return
        width, height = picture.get_width(), picture.get_height()
        scale = min(self._size[0] / width, self._size[1] / height)
        size = max(1, round(width * scale)), max(1, round(height * scale))
        self.set_from_pixbuf(picture.scale_simple(*size, GdkPixbuf.InterpType.BILINEAR))
