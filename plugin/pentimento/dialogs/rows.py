"""Rows that several of the dialogs of actions on pictures have."""

from __future__ import annotations

from typing import Any, Optional

from gi.repository import Gtk

import dialogs.native as native
from dialogs.fields import BOTH, OPPOSITE, OPPOSITE_BOTH, Fields
from i18n import _

PROMPT_LINES = 3


def column_of(*parts: Any) -> Gtk.Box:
    """The parts from top to bottom, without those that are None."""
    box = native.column()
    for part in parts:
        if part is not None:
            box.pack_start(part, False, False, 0)
    return box


def prompt(fields: Fields, history: Optional[Gtk.Widget] = None) -> Gtk.Box:
    """Where the cursor is first. `history` stands beside the label."""
    view, scroll = fields.text_view("prompt", PROMPT_LINES)
    fields.dialog.connect("map", lambda _dialog: view.grab_focus())
    keys = _("Ctrl+Return here generates; Ctrl+F in the image repeats without this dialog")
    box = native.column(spacing=2)
    label = native.label(_(fields.options["prompt"].label), view)
    tip_at_label(label, view, _(fields.options["prompt"].blurb) + "\n" + keys)
    head = native.row(label)
    if history is not None:
        head.pack_end(history, False, False, 0)
    box.pack_start(head, False, False, 0)
    box.pack_start(scroll, True, True, 0)
    return box


def tip_at_label(label: Gtk.Label, view: Gtk.TextView, tip: str) -> None:
    """Over the words a tooltip would hide what is typed, and what stands below them."""
    view.set_tooltip_text(None)
    label.set_tooltip_text(tip)


def seeds(fields: Fields) -> Gtk.Box:
    """Beside what is compared by it. The number is the last result's until another one is typed."""
    value, random = fields.options["seed"], fields.options["random-seed"]
    text = _("_Keep seed")
    told = _("On: the seed beside it, the last result's, so that only what you change differs.")
    told += "\n" + _(random.blurb)
    check = Gtk.CheckButton.new_with_mnemonic(text)
    native.name(check, text, told)
    check.set_tooltip_text(told)
    fields.config.bind_property("random-seed", check, "active", OPPOSITE_BOTH)
    # ProcedureDialog has no widget for unsigned numbers; bindings convert them to double.
    seed = Gtk.SpinButton.new_with_range(value.minimum or 0, value.maximum or 0, 1)
    seed.set_width_chars(native.widest(seed))
    fields.name(seed, value)
    fields.config.bind_property("seed", seed, "value", BOTH)
    fields.config.bind_property("random-seed", seed, "sensitive", OPPOSITE)
    fields.align(check)
    return native.row(check, seed)


def loras(fields: Fields, adder: Gtk.ComboBox) -> Gtk.Box:
    """`adder` stands beside the names."""
    entry = Gtk.Entry(placeholder_text=_("for example blueprint:0.8"))
    fields.config.bind_property("loras", entry, "text", BOTH)
    row = fields.row("loras", entry)
    row.pack_start(adder, False, False, 0)
    return row
