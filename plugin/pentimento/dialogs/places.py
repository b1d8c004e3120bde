"""The dialog Where to Run: what each place can do with a picture, what this job costs there, who
receives it, and which one is recommended. From a job's dialog one is chosen in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, List, Optional

import dialogs.native as native

if TYPE_CHECKING:
    from answers import BackendEntry

native.start()

from gi.repository import GLib, Gtk

import dialogs.place_words as place_words
import options
import server
from dialogs.background import Background
from dialogs.set_up import SetUp, facts_grid
from dialogs.sticky_heads import StickyHeads
from i18n import _
from server_texts import told

WIDTH, HEIGHT = 760, 620
GAP = 2 * native.BORDER
NAME_CHARACTERS = 24


def show() -> None:
    """Does all there is to do while it is open."""
    PlacesDialog().run()


class PlacesDialog:
    """With `parent`, the window of a job's dialog, one of the places can be chosen for that job,
    which has this mode and makes so many pictures."""

    def __init__(self, parent: Optional[Gtk.Window] = None, mode: str = "", count: int = 1) -> None:
        self._asked = (mode, count)
        self._choosing = parent is not None
        self.chosen = ""  # the id of a place
        self.background = Background()
        self.dialog = native.window(_("Where to Run"), "pentimento-places")
        if parent is not None:
            self.dialog.set_transient_for(parent)
            self.dialog.set_modal(True)
        area = native.work_area()
        self.dialog.set_default_size(min(WIDTH, area.width), min(HEIGHT, area.height))
        self.dialog.add_button(_("_Close"), Gtk.ResponseType.CLOSE)
        self.dialog.set_default_response(Gtk.ResponseType.CLOSE)
        self.summary = native.paragraph(_("Asking the server…"))
        self.table = Gtk.Grid(column_spacing=native.BORDER, row_spacing=2)
        box = native.column(GAP)
        box.set_border_width(native.BORDER)
        box.pack_start(facts_grid(place_words.guide()), False, False, 0)
        box.pack_start(self.summary, False, False, 0)
        box.pack_start(self.table, False, False, 0)
        scroll = Gtk.ScrolledWindow()
        scroll.set_policy(Gtk.PolicyType.NEVER, Gtk.PolicyType.AUTOMATIC)
        scroll.set_shadow_type(Gtk.ShadowType.NONE)
        scroll.add(box)
        scroll.show_all()
        native.name(scroll, _("Places"))
        self.heads = StickyHeads(scroll, self.table)
        self.dialog.get_content_area().pack_start(self.heads, True, True, 0)

    def run(self) -> str:
        """The id of the place that was chosen; empty for none."""
        self._look()
        self.dialog.run()
        self.background.close()
        self.dialog.destroy()
        return self.chosen

    def _look(self) -> None:
        tell = self.background.tell
        self.background.run(
            lambda: server.ready(lambda text: tell(self.summary.set_text, text)).backends(
                *self._asked
            ),
            self._show,
            lambda error: self.summary.set_text(str(error)),
        )

    def _show(self, places: List[BackendEntry]) -> None:
        best = next((place for place in places if place["recommended"]), places[0])
        self.summary.set_text(
            _("Recommended: {place}. {why}").format(
                place=place_words.title(best), why=told(best["why"])
            )
        )
        self.table.foreach(Gtk.Widget.destroy)
        heads = [_dim(text) for text in place_words.headings(self._choosing)]
        for column, head in enumerate(heads, start=1):
            self.table.attach(head, column, 0, 1, 1)
        for number, place in enumerate(places):
            self._add(place, 1 + 2 * number)
        self.table.show_all()
        self.heads.follow(heads)

    def _add(self, place: BackendEntry, row: int) -> None:
        """A line of cells, and below it who is behind the place."""
        heading = Gtk.Label(xalign=0, wrap=True, max_width_chars=NAME_CHARACTERS)
        title = GLib.markup_escape_text(place_words.title(place))
        state = GLib.markup_escape_text(place_words.state(place))
        star = " ★" if place["recommended"] else ""
        heading.set_markup(f"<b>{title}</b> · {state}{star}")
        heading.set_tooltip_text(place_words.summary(place))
        line: List[Gtk.Widget] = [
            heading,
            *(self._cell(place, text) for text in place_words.cells(place)),
        ]
        line.append(native.row(*self._buttons(place)))
        for column, widget in enumerate(line):
            widget.set_margin_top(native.BORDER)
            widget.set_valign(Gtk.Align.CENTER)
            self.table.attach(widget, column, row, 1, 1)
        below = native.paragraph(place_words.behind(place))
        below.get_style_context().add_class("dim-label")
        self.table.attach(below, 0, row + 1, len(line), 1)

    def _cell(self, place: BackendEntry, text: str) -> Gtk.Label:
        cell = native.label(text)
        native.name(cell, f"{place_words.title(place)}: {text}")
        return cell

    def _buttons(self, place: BackendEntry) -> List[Gtk.Button]:
        name, found = place_words.title(place), []
        if place["id"] != options.LOCAL:
            button = native.dialog_button(
                _("Set Up…"), _("Key, limits and consent of this service"), lambda: self._set(place)
            )
            native.name(button, _("Set Up {service}").format(service=name))
            found.append(button)
        if self._choosing:
            use = native.button(
                _("Use"), _("Run this job there"), lambda: self._choose(place["id"])
            )
            native.name(use, _("Use {service}").format(service=name))
            found.append(use)
        return found

    def _choose(self, place: str) -> None:
        self.chosen = place
        self.dialog.response(Gtk.ResponseType.CLOSE)

    def _set(self, place: BackendEntry) -> None:
        SetUp(place, self.dialog).run()
        self._look()


def _dim(text: str) -> Gtk.Label:
    label = native.label(text)
    label.get_style_context().add_class("dim-label")
    return label
