"""One line of a window that says what happened last, announced to screen readers."""

from __future__ import annotations

import dialogs.native as native

native.start()

from gi.repository import Gtk

from i18n import _


class News:
    """`bar` is its widget; who owns it shows and hides it."""

    def __init__(self) -> None:
        self.bar = Gtk.InfoBar(show_close_button=False)
        self._text = native.paragraph(selectable=True)
        self.bar.get_content_area().pack_start(self._text, True, True, 0)

    def tell(self, text: str, kind: Gtk.MessageType) -> None:
        self.bar.set_message_type(kind)
        native.name(self.bar, _("What happened"))  # or it is called after its type
        self._text.set_text(text)
