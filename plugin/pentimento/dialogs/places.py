"""The dialog Where to Run: each place with quality, speed, price and privacy, which one is
recommended, and a button to set it up."""

from __future__ import annotations

from typing import TYPE_CHECKING, List

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
from i18n import _
from server_texts import told

WIDTH, HEIGHT = 620, 600


def show() -> None:
    """Does all there is to do while it is open."""
    PlacesDialog().run()


class PlacesDialog:
    def __init__(self) -> None:
        self.background = Background()
        self.dialog = native.window(_("Where to Run"), "pentimento-places")
        self.dialog.set_default_size(WIDTH, HEIGHT)
        self.dialog.add_button(_("_Close"), Gtk.ResponseType.CLOSE)
        self.dialog.set_default_response(Gtk.ResponseType.CLOSE)
        self.summary = native.paragraph(_("Asking the server…"))
        self.list = native.column(native.BORDER)
        self.list.set_border_width(native.BORDER)
        scroll = Gtk.ScrolledWindow(hscrollbar_policy=Gtk.PolicyType.NEVER)
        scroll.set_shadow_type(Gtk.ShadowType.IN)
        scroll.add(self.list)
        native.name(scroll, _("Places"))
        box = native.column(native.BORDER)
        box.set_border_width(native.BORDER)
        box.pack_start(self.summary, False, False, 0)
        box.pack_start(scroll, True, True, 0)
        box.show_all()
        self.dialog.get_content_area().pack_start(box, True, True, 0)

    def run(self) -> None:
        self._look()
        self.dialog.run()
        self.background.close()
        self.dialog.destroy()

    def _look(self) -> None:
        tell = self.background.tell
        self.background.run(
            lambda: server.ready(lambda text: tell(self.summary.set_text, text)).backends(),
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
        self.list.foreach(Gtk.Widget.destroy)
        for place in places:
            self.list.pack_start(self._row(place), False, False, 0)
        self.list.show_all()

    def _row(self, place: BackendEntry) -> Gtk.Box:
        heading = Gtk.Label(xalign=0)
        title = GLib.markup_escape_text(place_words.title(place))
        state = GLib.markup_escape_text(place_words.state(place))
        heading.set_markup(f"<b>{title}</b> · {state}" + (" ★" if place["recommended"] else ""))
        head = native.row(spacing=native.BORDER)
        head.pack_start(heading, True, True, 0)
        if place["id"] != options.LOCAL:
            button = native.dialog_button(
                _("Set Up…"), _("Key, limits and consent of this service"), lambda: self._set(place)
            )
            native.name(button, _("Set Up {service}").format(service=told(place["title"])))
            head.pack_start(button, False, False, 0)
        row = native.column()
        row.pack_start(head, False, False, 0)
        row.pack_start(facts_grid(place_words.facts(place)), False, False, 0)
        return row

    def _set(self, place: BackendEntry) -> None:
        SetUp(place, self.dialog).run()
        self._look()
