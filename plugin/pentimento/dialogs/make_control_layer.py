"""The dialog of Make Control Layer: which map, its thresholds, and from what."""

from __future__ import annotations

from typing import Any

import dialogs.native as native

native.start()

from gi.repository import Gtk

import choices
import dialogs.rows as rows
from dialogs.job_dialog import JobDialog
from i18n import _


class MapDialog(JobDialog):
    stays = False

    def __init__(self, procedure: Any, config: Any, context: Any) -> None:
        super().__init__(procedure, config, context, _("_Create"))
        fields = self.fields
        low, high = fields.number("low"), fields.number("high")
        words = native.paragraph()
        self.put(rows.column_of(fields.combo("map"), words, low, high, self.source()))
        _follow_map(config, words, low, high)


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
