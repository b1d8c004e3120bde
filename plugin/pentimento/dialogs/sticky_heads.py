"""The heads of a table, which stay at the top of what scrolls once their row is out of sight."""

from __future__ import annotations

from typing import Any, List

from gi.repository import Gtk

import dialogs.native as native


class StickyHeads(Gtk.Overlay):
    """Shows `scroll`, in which `table` is, and over it the heads."""

    def __init__(self, scroll: Gtk.ScrolledWindow, table: Gtk.Grid) -> None:
        super().__init__()
        self._scroll, self._table = scroll, table
        self._heads: List[Gtk.Label] = []
        self._line = Gtk.Fixed()
        self._copies: List[Gtk.Label] = []
        self._ground = Gtk.EventBox(valign=Gtk.Align.START)
        self._ground.get_style_context().add_class("background")
        self._ground.add(self._line)
        self._ground.show_all()
        self._ground.set_no_show_all(True)
        self._ground.hide()
        self.add(scroll)
        self.add_overlay(self._ground)
        self.show()
        scroll.get_vadjustment().connect("value-changed", self._moved)
        table.connect("size-allocate", self._moved)

    def follow(self, heads: List[Gtk.Label]) -> None:
        """These are the table's now."""
        self._line.foreach(Gtk.Widget.destroy)
        self._heads = heads
        self._copies = [_copy(head) for head in heads]
        for copy in self._copies:
            self._line.put(copy, 0, 0)
        self._moved()

    def _moved(self, *_args: Any) -> None:
        """Copies of the heads where the heads would be."""
        places = [head.translate_coordinates(self._scroll, 0, 0) for head in self._heads]
        seen = [place for place in places if place is not None]
        gone = bool(seen) and len(seen) == len(places) and seen[0][1] < 0
        self._ground.set_visible(gone)
        if gone:
            for copy, (x, _y) in zip(self._copies, seen):
                self._line.move(copy, x, 0)


def _copy(head: Gtk.Label) -> Gtk.Label:
    label = native.label(head.get_text())
    label.set_margin_top(native.SPACING)
    label.set_margin_bottom(native.SPACING)
    label.show()
    return label
