"""The dialog of Make Control Layer: which map, its thresholds, and from what."""

from __future__ import annotations

from typing import Any

import dialogs.native as native

native.start()

from gi.repository import Gtk

import choices
import dialogs.rows as rows
from dialogs.fields import Fields
from i18n import _

WIDTH = 420


def ask(procedure: Any, config: Any, context: Any) -> bool:
    """True when Make was pressed."""
    dialog = rows.frame(procedure, config, context, _("_Make"), WIDTH)
    fields = Fields(dialog, config, context.action.options)
    low, high = fields.number("low"), fields.number("high")
    words = native.paragraph()
    box = native.column()
    box.set_border_width(native.BORDER)
    for part in (fields.combo("map"), words, low, high, fields.combo("source")):
        box.pack_start(part, False, False, 0)
    _follow_map(config, words, low, high)
    rows.put_in(dialog, box)
    go = dialog.run()
    dialog.destroy()
    return bool(go)


def _follow_map(config: Any, words: Gtk.Label, low: Gtk.Widget, high: Gtk.Widget) -> None:
    """Says what the map is and what it takes; only edges have thresholds."""

    def follow(*_args: Any) -> None:
        kind = config.get_property("map")
        chosen = next(choice for choice in choices.MAPS if choice.nick == kind)
        text = _(chosen.blurb) + "."
        if kind not in choices.DRAWN_CONTROLS:
            text += " " + _("The server needs a model for it.")
        words.set_text(text)
        for part in (low, high):
            part.set_sensitive(kind == choices.THRESHOLDS)

    config.connect("notify::map", follow)
    follow()
